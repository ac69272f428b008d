import { isIPv6 } from 'node:net';
import { openFileLimit } from '../common/file-limit.js';
import {
  type ApiKey,
  apiKeys,
  databaseUrl,
  decimal,
  environment,
  flag,
  host,
  integer,
  type NodeEnv,
  oneOf,
  seconds,
  text,
  token,
  url,
  urls,
} from './readers.js';
import { FromEnv } from './variable.js';

/** Which dialect the engine speaks. */
export type EngineKind = 'sglang' | 'vllm' | 'openai' | 'stub';

/** Enough where the file limit is no limit, as in most containers: each connection may hold a body of MAX_BODY_BYTES. */
const MOST_CONNECTIONS = 10_000;

const MODEL = 'Model';
const ENGINE = 'Engine';
const LIMITS = 'Time and size limits';
const STORE = 'Store';
const SERVER = 'Server';
const ACCESS = 'Access';
const LOGGING = 'Logging';

/** As many as there may be callers: each connection to an engine is a call that runs there. */
const MOST_ENGINE_CONNECTIONS = 10_000;

/**
 * Every setting of the service. A field is set by the variable of the same name in UPPER_SNAKE_CASE
 * (`modelName` by `MODEL_NAME`); what is not set keeps the value written here.
 */
export class Settings {
  @FromEnv({
    section: MODEL,
    about: 'Model to ask for: the name that the engine serves it under (its /v1/models).',
    read: text,
  })
  modelName = 'Qwen/Qwen3-32B';

  @FromEnv({
    section: MODEL,
    about: 'Device that the engine runs on. For the engine’s launch; the service itself needs no GPU.',
    read: oneOf('cuda', 'cpu'),
  })
  device: 'cuda' | 'cpu' = 'cuda';

  @FromEnv({
    section: MODEL,
    about:
      'Context length in tokens. For the engine’s launch; the service warns when the engine reports another.',
    read: integer(256, 1_048_576),
  })
  maxModelLen = 32_768;

  @FromEnv({
    section: MODEL,
    about: 'Number of GPUs that share the model. For the engine’s launch.',
    read: integer(1, 64),
  })
  tensorParallelSize = 1;

  @FromEnv({
    section: MODEL,
    about:
      'Temperature of chat and interview step where the caller names none (feedback and report use 0.3).',
    read: decimal(0, 2),
  })
  defaultTemperature = 0.7;

  @FromEnv({
    section: MODEL,
    about: 'Tokens that a chat answer may have where the caller names none.',
    read: integer(1, 131_072),
  })
  defaultMaxTokens = 1000;

  @FromEnv({
    section: MODEL,
    about: 'How often the model is asked, at most, until a structured reply is valid.',
    read: integer(1, 10),
  })
  structuredMaxAttempts = 3;

  @FromEnv({
    section: ENGINE,
    about:
      'What answers: sglang, vllm, openai or stub. Unset: sglang when SGLANG_HOST or ENGINE_URLS is set, else the built-in stub, which is no model.',
    read: oneOf('sglang', 'vllm', 'openai', 'stub'),
  })
  engine: EngineKind | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'Host of the engine; localhost with ENGINE=sglang or vllm.',
    read: host,
  })
  sglangHost: string | undefined;

  @FromEnv({ section: ENGINE, about: 'Port of the engine.', read: integer(1, 65_535) })
  sglangPort = 30_000;

  @FromEnv({
    section: ENGINE,
    about:
      'Addresses of engines instead of host and port, separated by commas; the first healthy one is used.',
    read: urls,
    example: 'http://gpu-1:30000,http://gpu-2:30000',
  })
  engineUrls: readonly string[] | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'Key that the engine expects (its --api-key).',
    read: token,
    secret: true,
  })
  engineApiKey: string | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'Key for OpenAI; used with ENGINE=openai only, whatever else is set.',
    read: token,
    secret: true,
  })
  openaiApiKey: string | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'OPENAI_API_KEY by another name.',
    read: token,
    secret: true,
  })
  llmApiKey: string | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'Address of OpenAI’s API, or of one that speaks like it; used with ENGINE=openai only.',
    read: (value) => [url(value)],
    example: 'https://api.openai.com/v1',
  })
  llmApiBaseUrl: readonly string[] | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'MODEL_NAME by another name; used with ENGINE=openai only.',
    read: text,
    example: 'gpt-5-mini',
  })
  openaiModelMain: string | undefined;

  @FromEnv({
    section: ENGINE,
    about:
      'Address of a server for POST /v1/embeddings, without /v1. Unset: embeddings are answered with 501, or by the built-in stub where that is the engine.',
    read: url,
    example: 'http://gpu-2:30001',
  })
  embeddingUrl: string | undefined;

  @FromEnv({
    section: ENGINE,
    about: 'Key that the server for embeddings expects.',
    read: token,
    secret: true,
  })
  embeddingApiKey: string | undefined;

  @FromEnv({
    section: ENGINE,
    about:
      'Connections to one engine at most: calls that run there at once, further ones wait. Unset: two fifths of the files that the process may open (ulimit -n), and at most 10000.',
    read: integer(1, MOST_ENGINE_CONNECTIONS),
    example: '1000',
  })
  engineConnections: number | undefined;

  @FromEnv({
    section: LIMITS,
    about: 'Seconds that a call may take in all, retries included.',
    read: seconds,
  })
  requestTimeout = 300;

  @FromEnv({
    section: LIMITS,
    about: 'Seconds that a request may take to arrive, its headers and its body.',
    read: seconds,
  })
  arrivalTimeout = 30;

  @FromEnv({
    section: LIMITS,
    about:
      'Seconds that a connection waits for its next request; a load balancer in front must close its own earlier.',
    read: seconds,
  })
  keepAliveTimeout = 72;

  @FromEnv({
    section: LIMITS,
    about:
      'Connections of callers at most; more are closed at once. Unset: half of the files that the process may open (ulimit -n), and at most 10000.',
    read: integer(1, 1_000_000),
    example: '2000',
  })
  maxConnections: number | undefined;

  @FromEnv({
    section: LIMITS,
    about:
      'Connections from one address at most, where callers have addresses of their own (not behind a proxy). Unset: no limit.',
    read: integer(1, 1_000_000),
    example: '100',
  })
  maxConnectionsPerAddress: number | undefined;

  @FromEnv({ section: LIMITS, about: 'Seconds to get a connection to the engine.', read: seconds })
  connectTimeout = 5;

  @FromEnv({
    section: LIMITS,
    about:
      'Seconds until a streaming engine sends its first token (its queue and the reading of the prompt).',
    read: seconds,
  })
  firstTokenTimeout = 60;

  @FromEnv({
    section: LIMITS,
    about: 'Seconds that a streaming engine may be silent after that.',
    read: seconds,
  })
  stallTimeout = 30;

  @FromEnv({
    section: LIMITS,
    about: 'Seconds that running calls get to finish after SIGTERM.',
    read: seconds,
  })
  shutdownTimeout = 30;

  @FromEnv({
    section: LIMITS,
    about: 'Bytes of a request body at the most.',
    read: integer(1024, 67_108_864),
  })
  maxBodyBytes = 1_048_576;

  @FromEnv({
    section: LIMITS,
    about: 'Bytes of one engine reply at the most, as they arrive on the wire.',
    read: integer(65_536, 268_435_456),
  })
  engineMaxReplyBytes = 16_777_216;

  @FromEnv({
    section: LIMITS,
    about: 'Bytes of a stream that may wait for a caller who reads slowly; with more he is cut.',
    read: integer(131_072, 67_108_864),
  })
  streamBufferBytes = 1_048_576;

  @FromEnv({
    section: LIMITS,
    about: 'Seconds without an event after which a stream sends a comment, so that proxies keep it open.',
    read: seconds,
  })
  streamPing = 10;

  @FromEnv({
    section: LIMITS,
    about:
      'Seconds that a reply, an export or a stream under /v1 waits for a caller who reads nothing, before the caller is cut.',
    read: seconds,
  })
  slowReaderTimeout = 30;

  @FromEnv({
    section: STORE,
    about:
      'PostgreSQL 14 or later for the call log. Unset: the service starts a server of its own, with its data in DATA_DIR.',
    read: databaseUrl,
    secret: true,
    example: 'postgresql://llm_service:CHANGE-ME@localhost:5432/llm_service',
  })
  databaseUrl: string | undefined;

  @FromEnv({
    section: STORE,
    about:
      'Folder for the service’s own database, for calls that wait for one, and for the key with which to read where there are no API_KEYS.',
    read: text,
  })
  dataDir = './data';

  @FromEnv({
    section: STORE,
    about: 'Connections to the database at the most; to the service’s own one 40.',
    read: integer(2, 1000),
  })
  databaseConnections = 10;

  @FromEnv({
    section: STORE,
    about: 'Seconds that the database may take to store calls; then they are kept on disk until it is back.',
    read: seconds,
  })
  databaseTimeout = 1;

  @FromEnv({
    section: STORE,
    about: 'full, or none: the call log keeps facts and no texts. docs/logs.md says what does not work then.',
    read: oneOf('full', 'none'),
  })
  logContent: 'full' | 'none' = 'full';

  @FromEnv({
    section: STORE,
    about: 'Bytes of calls that may wait on disk while the database is away.',
    read: integer(1_048_576, 1_099_511_627_776),
  })
  spoolMaxBytes = 1_073_741_824;

  @FromEnv({
    section: STORE,
    about: 'true refuses new calls where they cannot be logged any more; false serves them and counts them.',
    read: flag,
  })
  logRequired = false;

  @FromEnv({ section: STORE, about: 'Days that calls are kept.', read: integer(1, 3650) })
  retentionDays = 90;

  @FromEnv({
    section: STORE,
    about:
      'File to which every answered question of /chat with a prompt version is appended, as CSV. Unset: none.',
    read: text,
    example: 'logs/llm_responses.csv',
  })
  csvLog: string | undefined;

  @FromEnv({
    section: STORE,
    about: 'Bytes after which that file is put aside and a new one begun; five are kept.',
    read: integer(65_536, 1_099_511_627_776),
  })
  csvLogMaxBytes = 104_857_600;

  @FromEnv({
    section: STORE,
    about:
      'false leaves background jobs, the upkeep of the call log among them, to another replica on the same database.',
    read: flag,
  })
  upkeep = true;

  @FromEnv({ section: SERVER, about: 'Address that the service listens on.', read: host })
  appHost = '0.0.0.0';

  @FromEnv({
    section: SERVER,
    about: 'Port that the service listens on; 0 takes a free one.',
    read: integer(0, 65_535),
  })
  appPort = 8000;

  @FromEnv({
    section: SERVER,
    about:
      'production forbids what is only for trying out: the stub without ENGINE=stub, no keys without AUTH=off.',
    read: oneOf('development', 'production', 'test'),
  })
  nodeEnv: NodeEnv = 'development';

  @FromEnv({
    section: SERVER,
    about: 'NODE_ENV by another name; local and dev are development, prod is production.',
    read: environment,
  })
  appEnv: NodeEnv | undefined;

  @FromEnv({
    section: ACCESS,
    about:
      'Keys that may call, separated by commas: name:scope:secret with the scopes inference, read and admin (several joined by +); a bare secret is inference. Unset: direct callers on this machine may ask, and read with the key in DATA_DIR/local-key.',
    read: apiKeys,
    secret: true,
    example: 'backend:inference:CHANGE-ME-1,ops:read:CHANGE-ME-2',
  })
  apiKeys: readonly ApiKey[] | undefined;

  @FromEnv({
    section: ACCESS,
    about:
      'off lets everybody who reaches the port ask the model (inference), on purpose; reading takes a key of API_KEYS all the same.',
    read: oneOf('on', 'off'),
  })
  auth: 'on' | 'off' = 'on';

  @FromEnv({
    section: ACCESS,
    about: 'true lets everybody read GET /metrics, which holds no names but those of models and tasks.',
    read: flag,
  })
  metricsOpen = false;

  @FromEnv({
    section: LOGGING,
    about: 'DEBUG, INFO, WARNING or ERROR.',
    read: oneOf('DEBUG', 'INFO', 'WARNING', 'ERROR'),
  })
  logLevel: 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' = 'INFO';

  @FromEnv({
    section: LOGGING,
    about: 'json, pretty, or auto: JSON lines in production, readable lines elsewhere.',
    read: oneOf('auto', 'json', 'pretty'),
  })
  logFormat: 'auto' | 'json' | 'pretty' = 'auto';

  @FromEnv({
    section: LOGGING,
    about:
      'true writes prompts, replies and the engine’s error texts into the log at DEBUG: candidates’ words, so never in production.',
    read: flag,
  })
  logPrompts = false;

  /** Connections of callers at most, with the default worked out: engines, database and files have the other half. */
  get connectionLimit(): number {
    return this.maxConnections ?? Math.min(MOST_CONNECTIONS, Math.floor((openFileLimit() ?? Infinity) / 2));
  }

  /** What answers, with the default worked out. */
  get engineKind(): EngineKind {
    return this.engine ?? (this.sglangHost || this.engineUrls ? 'sglang' : 'stub');
  }

  /** Base addresses of the engines, without `/v1`; none where the service starts the stub itself. */
  get engineAddresses(): readonly string[] {
    if (this.engineUrls) return this.engineUrls;
    if (this.engineKind === 'openai') return ['https://api.openai.com'];
    if (this.engineKind === 'stub') return [];
    const host = this.sglangHost ?? 'localhost';
    return [`http://${isIPv6(host) ? `[${host}]` : host}:${this.sglangPort}`];
  }

  /** Connections to one engine at most, with the default worked out. */
  get maxEngineConnections(): number {
    return (
      this.engineConnections ??
      Math.min(MOST_ENGINE_CONNECTIONS, Math.floor((openFileLimit() ?? Infinity) * 0.4))
    );
  }

  /** The key that goes to the engine, if any. */
  get engineKey(): string | undefined {
    return this.engineKind === 'openai' ? this.openaiApiKey : this.engineApiKey;
  }
}

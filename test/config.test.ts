import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ConfigError } from '../src/config/config-error.js';
import { describeSettings, envExample } from '../src/config/describe-settings.js';
import { parseEnv, readEnvFile } from '../src/config/env-file.js';
import { loadSettings } from '../src/config/load-settings.js';
import { Settings } from '../src/config/settings.js';

const run = promisify(execFile);

type Variables = Readonly<Record<string, string>>;

const folder = mkdtempSync(join(tmpdir(), 'config-'));

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** The settings that these variables make, without a file. */
const settingsOf = (environment: Variables): Settings => loadSettings(environment, undefined).settings;

/** The sentence with which these variables stop the start. */
function refusalOf(environment: Variables): string {
  try {
    settingsOf(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Writes a .env file and tells its path. */
function envFile(content: string): string {
  const path = join(folder, '.env');
  writeFileSync(path, content);
  return path;
}

describe('a wrong value stops the start', () => {
  const host = 'a host name or an IP address, without http:// and without a port';
  const addresses = 'one or more addresses like http://gpu-1:30000, separated by commas';
  const plain = 'addresses without user, password, query or fragment (the key belongs into ENGINE_API_KEY)';

  it.each([
    ['APP_PORT', '80O0', 'a whole number from 0 to 65535'],
    ['APP_PORT', '65536', 'a whole number from 0 to 65535'],
    ['APP_PORT', '-1', 'a whole number from 0 to 65535'],
    ['APP_PORT', '8e3', 'a whole number from 0 to 65535'],
    ['APP_HOST', 'http://0.0.0.0', host],
    ['APP_HOST', '0.0.0.0:8000', host],
    ['SGLANG_HOST', 'gpu-1:30000', host],
    ['SGLANG_HOST', 'face:30000', host],
    ['SGLANG_PORT', '0', 'a whole number from 1 to 65535'],
    ['DEVICE', 'gpu', 'one of cuda, cpu'],
    ['MAX_MODEL_LEN', '32k', 'a whole number from 256 to 1048576'],
    ['TENSOR_PARALLEL_SIZE', '0', 'a whole number from 1 to 64'],
    ['DEFAULT_TEMPERATURE', '2.1', 'a number from 0 to 2'],
    ['DEFAULT_TEMPERATURE', '0,7', 'a number from 0 to 2'],
    ['DEFAULT_MAX_TOKENS', '1_000', 'a whole number from 1 to 131072'],
    ['REQUEST_TIMEOUT', '0', 'seconds, more than 0 and at most 86400'],
    ['REQUEST_TIMEOUT', '30s', 'seconds, more than 0 and at most 86400'],
    ['STALL_TIMEOUT', 'Infinity', 'seconds, more than 0 and at most 86400'],
    ['LOG_LEVEL', 'TRACE', 'one of DEBUG, INFO, WARNING, ERROR'],
    ['LOG_FORMAT', 'xml', 'one of auto, json, pretty'],
    ['LOG_PROMPTS', 'yes', 'one of true, false'],
    ['AUTH', 'false', 'one of on, off'],
    ['NODE_ENV', 'prod', 'one of development, production, test'],
    ['ENGINE', 'ollama', 'one of sglang, vllm, openai, stub'],
    ['ENGINE_URLS', 'localhost:30000', addresses],
    ['ENGINE_URLS', 'htp://gpu-1:30000', addresses],
    ['ENGINE_URLS', 'http:/gpu-1:30000', addresses],
    ['ENGINE_URLS', 'http://gpu-1:99999', addresses],
    ['ENGINE_URLS', 'http://gpu-1:30000,', addresses],
    ['ENGINE_URLS', 'http://gpu-1:30000/?key=1', plain],
  ])('%s=%s', (name, value, allowed) => {
    expect(refusalOf({ [name]: value })).toBe(`${name} is ${JSON.stringify(value)}: it must be ${allowed}.`);
  });

  it('ENGINE_URLS with a password, which is not repeated', () => {
    expect(refusalOf({ ENGINE_URLS: 'http://user:pass@gpu-1:30000' })).toBe(
      `ENGINE_URLS has a wrong value: it must be ${plain}.`,
    );
  });

  it.each([
    [
      'API_KEYS',
      'app:SECRET-VALUE',
      'entries like backend:inference:SECRET, separated by commas (or bare secrets)',
    ],
    [
      'API_KEYS',
      ':inference:SECRET-VALUE',
      'entries like backend:inference:SECRET, separated by commas (or bare secrets)',
    ],
    [
      'API_KEYS',
      'app:write:SECRET-VALUE',
      'a list whose scopes are inference, read or admin, joined by + where a key has several',
    ],
    [
      'API_KEYS',
      'app:inference:SECRET',
      'a list whose secrets have at least 8 printable ASCII characters (entry 1 has not)',
    ],
    [
      'API_KEYS',
      'app:inference:SECRET-VALUE,ops:read:SECRET VALUE',
      'a list whose secrets have at least 8 printable ASCII characters (entry 2 has not)',
    ],
    [
      'API_KEYS',
      'app:inference:SECRET-VALUE,app:read:SECRET-OTHER',
      'a list in which every name stands once',
    ],
    ['ENGINE_API_KEY', 'SECRET VALUE', 'printable ASCII characters without spaces'],
    ['OPENAI_API_KEY', 'SECRET-비밀', 'printable ASCII characters without spaces'],
  ])('%s=%s, without showing it', (name, value, allowed) => {
    const sentence = refusalOf({ [name]: value });
    expect(sentence).toBe(`${name} has a wrong value: it must be ${allowed}.`);
    expect(sentence).not.toContain('SECRET-');
  });

  it.each([
    [
      'production without an engine',
      { NODE_ENV: 'production', API_KEYS: 'long-enough' },
      'NODE_ENV is production and no engine is named: set SGLANG_HOST or ENGINE_URLS, or ENGINE=stub if the built-in stub is really meant.',
    ],
    [
      'production without keys',
      { NODE_ENV: 'production', SGLANG_HOST: 'gpu-1' },
      'NODE_ENV is production and API_KEYS is empty: set API_KEYS=name:scope:secret, or AUTH=off if everybody who reaches the port may ask.',
    ],
    [
      'more connections than the own database takes',
      { DATABASE_CONNECTIONS: '41' },
      'DATABASE_CONNECTIONS is 41: the service’s own database takes 40 at most; set fewer, or DATABASE_URL to a server of yours.',
    ],
    [
      'OpenAI without a key',
      { ENGINE: 'openai', MODEL_NAME: 'gpt-x' },
      'ENGINE is openai and no key is set: set OPENAI_API_KEY.',
    ],
    [
      'OpenAI without a model',
      { ENGINE: 'openai', OPENAI_API_KEY: 'sk-x' },
      'ENGINE is openai and MODEL_NAME is Qwen/Qwen3-32B: set MODEL_NAME to one of OpenAI’s models.',
    ],
  ])('%s', (_, environment, sentence) => {
    expect(refusalOf(environment)).toBe(sentence);
  });

  it.each([
    ['the stub by name', { ENGINE: 'stub', API_KEYS: 'long-enough' }],
    ['an engine and keys', { SGLANG_HOST: 'gpu-1', API_KEYS: 'long-enough' }],
    ['an engine and AUTH=off', { ENGINE_URLS: 'http://gpu-1:30000', AUTH: 'off' }],
  ])('but production starts with %s', (_, environment: Variables) => {
    expect(settingsOf({ NODE_ENV: 'production', ...environment }).nodeEnv).toBe('production');
  });
});

describe('the engine', () => {
  it.each([
    ['nothing', {}, 'stub', []],
    ['SGLANG_HOST', { SGLANG_HOST: 'gpu-1' }, 'sglang', ['http://gpu-1:30000']],
    [
      'SGLANG_HOST and SGLANG_PORT',
      { SGLANG_HOST: 'gpu-1', SGLANG_PORT: '31000' },
      'sglang',
      ['http://gpu-1:31000'],
    ],
    ['an IPv6 SGLANG_HOST', { SGLANG_HOST: '::1' }, 'sglang', ['http://[::1]:30000']],
    ['an IPv6 SGLANG_HOST in brackets', { SGLANG_HOST: '[fd00::2]' }, 'sglang', ['http://[fd00::2]:30000']],
    ['SGLANG_PORT alone', { SGLANG_PORT: '31000' }, 'stub', []],
    ['ENGINE_URLS', { ENGINE_URLS: 'http://gpu-1:30000' }, 'sglang', ['http://gpu-1:30000']],
    ['ENGINE=sglang', { ENGINE: 'sglang' }, 'sglang', ['http://localhost:30000']],
    ['ENGINE=VLLM', { ENGINE: 'VLLM', SGLANG_HOST: 'gpu-1' }, 'vllm', ['http://gpu-1:30000']],
    ['ENGINE=stub beside a host', { ENGINE: 'stub', SGLANG_HOST: 'gpu-1' }, 'stub', []],
    [
      'ENGINE=openai',
      { ENGINE: 'openai', OPENAI_API_KEY: 'sk-x', MODEL_NAME: 'gpt-x' },
      'openai',
      ['https://api.openai.com'],
    ],
    ['OPENAI_API_KEY alone', { OPENAI_API_KEY: 'sk-from-the-shell' }, 'stub', []],
  ])('is worked out from %s', (_, environment: Variables, kind, addresses) => {
    const { engineKind, engineAddresses } = settingsOf(environment);
    expect({ engineKind, engineAddresses }).toEqual({ engineKind: kind, engineAddresses: addresses });
  });

  it('gets no key from OPENAI_API_KEY unless it is OpenAI', () => {
    const key = { OPENAI_API_KEY: 'sk-from-the-shell' };
    expect(settingsOf({ ...key, SGLANG_HOST: 'gpu-1' }).engineKey).toBeUndefined();
    expect(settingsOf({ ...key, ENGINE: 'openai', MODEL_NAME: 'gpt-x' }).engineKey).toBe('sk-from-the-shell');
  });

  it.each([
    ['http://gpu-1:30000/', ['http://gpu-1:30000']],
    ['http://gpu-1:30000/v1', ['http://gpu-1:30000']],
    ['http://gpu-1:30000/v1/', ['http://gpu-1:30000']],
    ['https://models.example.com/qwen/v1', ['https://models.example.com/qwen']],
    ['https://models.example.com/api/paas/v4/', ['https://models.example.com/api/paas/v4']],
    ['https://models.example.com/v1beta/openai', ['https://models.example.com/v1beta/openai']],
    ['https://models.example.com/v1/team-a/v1', ['https://models.example.com/v1/team-a/v1']],
    ['HTTP://GPU-1:30000', ['http://gpu-1:30000']],
    ['http://gpu-1:30000, http://gpu-2:30000/v1', ['http://gpu-1:30000', 'http://gpu-2:30000']],
  ])('has the addresses of ENGINE_URLS=%s', (value, addresses) => {
    expect(settingsOf({ ENGINE_URLS: value }).engineAddresses).toEqual(addresses);
  });
});

describe('the connections to an engine', () => {
  it('are two fifths of the files that the process may open, where nothing else is said', async () => {
    const settings = pathToFileURL(resolve('dist/config/settings.js')).href;
    const program = `import { Settings } from '${settings}'; console.log(new Settings().maxEngineConnections);`;
    const command = `ulimit -n 1000 && exec "${process.execPath}" --input-type=module --eval "${program}"`;

    expect((await run('sh', ['-c', command])).stdout.trim()).toBe('400');
  });

  it('are what ENGINE_CONNECTIONS says', () => {
    expect(settingsOf({ ENGINE_CONNECTIONS: '7' }).maxEngineConnections).toBe(7);
  });
});

describe('keys', () => {
  it('have names, scopes and secrets, which may hold colons', () => {
    expect(settingsOf({ API_KEYS: 'app:inference+read:se:cr:et-1, long-enough' }).apiKeys).toEqual([
      { name: 'app', scopes: ['inference', 'read'], secret: 'se:cr:et-1' },
      { name: 'key-2', scopes: ['inference'], secret: 'long-enough' },
    ]);
  });
});

describe('where a value comes from', () => {
  it('is the default for whatever is not set', () => {
    expect(settingsOf({})).toEqual(new Settings());
  });

  it.each([
    ['MODEL_NAME', 'modelName', 'Qwen/Qwen3-32B'],
    ['DEVICE', 'device', 'cuda'],
    ['MAX_MODEL_LEN', 'maxModelLen', 32_768],
    ['TENSOR_PARALLEL_SIZE', 'tensorParallelSize', 1],
    ['SGLANG_HOST', 'sglangHost', undefined],
    ['SGLANG_PORT', 'sglangPort', 30_000],
    ['APP_HOST', 'appHost', '0.0.0.0'],
    ['APP_PORT', 'appPort', 8000],
    ['LOG_LEVEL', 'logLevel', 'INFO'],
    ['DEFAULT_TEMPERATURE', 'defaultTemperature', 0.7],
    ['DEFAULT_MAX_TOKENS', 'defaultMaxTokens', 1000],
    ['REQUEST_TIMEOUT', 'requestTimeout', 300],
  ] as const)('is the design’s default for %s', (name, field, value) => {
    const { settings, origins } = loadSettings({}, undefined);
    expect(origins.get(name)).toBe('default');
    expect(settings[field]).toBe(value);
  });

  it('is the environment before .env, and .env before the default', () => {
    const path = envFile('APP_PORT=8001\nLOG_LEVEL=ERROR\n');
    const { settings, origins } = loadSettings({ APP_PORT: '8002' }, path);
    expect(settings).toMatchObject({ appPort: 8002, logLevel: 'ERROR', appHost: '0.0.0.0' });
    expect(['APP_PORT', 'LOG_LEVEL', 'APP_HOST'].map((name) => origins.get(name))).toEqual([
      'environment',
      '.env',
      'default',
    ]);
  });

  it.each(['', '  '])('is not the environment where that is empty: %j', (empty) => {
    const { settings, origins } = loadSettings({ APP_PORT: empty }, envFile('APP_PORT=8001\n'));
    expect([settings.appPort, origins.get('APP_PORT')]).toEqual([8001, '.env']);
  });

  it('is not .env where that is empty', () => {
    const { settings, origins } = loadSettings({}, envFile('APP_PORT=\n'));
    expect([settings.appPort, origins.get('APP_PORT')]).toEqual([8000, 'default']);
  });

  it('is the default where there is no .env', () => {
    expect(loadSettings({}, join(folder, 'missing')).settings.appPort).toBe(8000);
  });

  it('is told in a table that masks every secret', () => {
    const loaded = loadSettings(
      {
        API_KEYS: 'app:inference+read:SECRET-ONE',
        ENGINE_API_KEY: 'SECRET-TWO',
        SGLANG_HOST: 'gpu-1',
      },
      envFile('OPENAI_API_KEY=SECRET-THREE\n'),
    );
    const table = describeSettings(loaded);
    expect(table).toMatch(/^ {2}API_KEYS +app:inference\+read:\*{8} +environment$/m);
    expect(table).toMatch(/^ {2}ENGINE_API_KEY +\*{8} +environment$/m);
    expect(table).toMatch(/^ {2}OPENAI_API_KEY +\*{8} +\.env$/m);
    expect(table).toMatch(/^ {2}APP_PORT +8000 +default$/m);
    expect(table).toContain('The engine is sglang: http://gpu-1:30000\n');
    expect(table).not.toContain('SECRET-');
  });
});

describe('.env', () => {
  it.each([
    ['comments, indented too, and blank lines', '# one\n\n  # two\n \t\nA=1\n', { A: '1' }],
    ['Windows line ends', 'A=1\r\nB=2\r\n', { A: '1', B: '2' }],
    ['a byte order mark', '\uFEFFA=1\n', { A: '1' }],
    ['no line end at the end', 'A=1', { A: '1' }],
    ['values with =, # and quotes inside', `A=b=c\nB=x#y\nC=it's\n`, { A: 'b=c', B: 'x#y', C: "it's" }],
    ['spaces inside values', 'A=one two\n', { A: 'one two' }],
    ['empty values', 'A=\n', { A: '' }],
    ['the last of two lines', 'A=1\nA=2\n', { A: '2' }],
    ['nothing at all', '', {}],
  ])('may have %s', (_, content, values) => {
    expect(Object.fromEntries(parseEnv(content, '.env'))).toEqual(values);
  });

  it.each([
    ['double quotes', 'A="1"', '.env, line 2: write the value of A without quotes.'],
    ['single quotes', "A='1'", '.env, line 2: write the value of A without quotes.'],
    ['a comment behind a value', 'A=1 # one', '.env, line 2: put the comment behind A on a line of its own.'],
    [
      'export',
      'export A=1',
      '.env, line 2 is not NAME=value: write the name, = and the value without spaces.',
    ],
    [
      'spaces around =',
      'A = 1',
      '.env, line 2 is not NAME=value: write the name, = and the value without spaces.',
    ],
    ['a space before the value', 'A= 1', '.env, line 2: remove the spaces around the value of A.'],
    ['a space behind the value', 'A=1 ', '.env, line 2: remove the spaces around the value of A.'],
    ['a dollar sign', 'A=x$y', '.env, line 2: A must not contain $, which compose would replace.'],
    ['a name alone', 'A', '.env, line 2 is not NAME=value: write the name, = and the value without spaces.'],
    ['YAML', 'A: 1', '.env, line 2 is not NAME=value: write the name, = and the value without spaces.'],
  ])('may not have %s', (_, line, sentence) => {
    expect(() => parseEnv(`# first\n${line}\n`, '.env')).toThrow(new ConfigError(sentence));
  });

  it('may not be a directory', () => {
    expect(() => readEnvFile(folder)).toThrow(
      new ConfigError(`${folder} cannot be read (EISDIR): make it a readable file or remove it.`),
    );
  });
});

describe('.env.example', () => {
  const example = readFileSync('.env.example', 'utf8');

  it('is what "npm run config -- --example" prints', () => {
    expect(example).toBe(envExample());
  });

  it('changes nothing when it is copied to .env', () => {
    const { settings } = loadSettings({}, '.env.example');
    expect(settings).toEqual(new Settings());
  });

  it('names every variable once', () => {
    const { origins } = loadSettings({}, undefined);
    const names = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name);
    expect(names).toEqual([...origins.keys()]);
  });
});

import { describe, expect, it } from '@jest/globals';
import { ConfigError } from '../src/config/config-error.js';
import { describeSettings } from '../src/config/describe-settings.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Settings } from '../src/config/settings.js';

type Variables = Readonly<Record<string, string>>;

const settingsOf = (environment: Variables): Settings => loadSettings(environment, undefined).settings;

const OPENAI = { ENGINE: 'openai', OPENAI_API_KEY: 'sk-own', MODEL_NAME: 'gpt-own' };

describe('the second names of OpenAI’s settings', () => {
  it('are enough', () => {
    const settings = settingsOf({
      ENGINE: 'openai',
      LLM_API_KEY: 'sk-x',
      LLM_API_BASE_URL: 'https://models.example.com/openai/v1',
      OPENAI_MODEL_MAIN: 'gpt-5-mini',
    });
    const { engineKey, engineAddresses, modelName } = settings;
    expect({ engineKey, engineAddresses, modelName }).toEqual({
      engineKey: 'sk-x',
      engineAddresses: ['https://models.example.com/openai'],
      modelName: 'gpt-5-mini',
    });
  });

  it('lead to OpenAI itself where LLM_API_BASE_URL is missing', () => {
    const settings = settingsOf({ ENGINE: 'openai', LLM_API_KEY: 'sk-x', OPENAI_MODEL_MAIN: 'gpt-5-mini' });
    expect(settings.engineAddresses).toEqual(['https://api.openai.com']);
  });

  const names: Variables = {
    LLM_API_KEY: 'sk-x',
    LLM_API_BASE_URL: 'https://models.example.com/v1',
    OPENAI_MODEL_MAIN: 'gpt-5-mini',
  };

  it.each([
    ['the stub', {}, []],
    ['SGLang', { SGLANG_HOST: 'gpu-1' }, ['http://gpu-1:30000']],
    ['vLLM', { ENGINE: 'vllm', SGLANG_HOST: 'gpu-1' }, ['http://gpu-1:30000']],
  ])('change nothing for %s', (_, engine: Variables, addresses) => {
    const { engineKey, engineAddresses, modelName } = settingsOf({ ...names, ...engine });
    expect({ engineKey, engineAddresses, modelName }).toEqual({
      engineKey: undefined,
      engineAddresses: addresses,
      modelName: 'Qwen/Qwen3-32B',
    });
  });

  it('may say the same as the first ones', () => {
    const { engineKey, engineAddresses, modelName } = settingsOf({
      ...OPENAI,
      LLM_API_KEY: 'sk-own',
      ENGINE_URLS: 'https://models.example.com',
      LLM_API_BASE_URL: 'https://models.example.com/v1/',
      OPENAI_MODEL_MAIN: 'gpt-own',
    });
    expect({ engineKey, engineAddresses, modelName }).toEqual({
      engineKey: 'sk-own',
      engineAddresses: ['https://models.example.com'],
      modelName: 'gpt-own',
    });
  });

  it('win over a first one that holds its default, as in a copy of .env.example', () => {
    const copied = { ENGINE: 'openai', MODEL_NAME: 'Qwen/Qwen3-32B', NODE_ENV: 'development' };
    const { modelName, nodeEnv } = settingsOf({
      ...copied,
      ...names,
      APP_ENV: 'production',
      API_KEYS: 'long-enough',
    });
    expect({ modelName, nodeEnv }).toEqual({ modelName: 'gpt-5-mini', nodeEnv: 'production' });
  });

  it('are told as where a value comes from, and a key is masked', () => {
    const table = describeSettings(loadSettings({ ENGINE: 'openai', ...names }, undefined));
    expect(table).toMatch(/^ {2}MODEL_NAME +gpt-5-mini +OPENAI_MODEL_MAIN$/m);
    expect(table).toMatch(/^ {2}OPENAI_API_KEY +\*{8} +LLM_API_KEY$/m);
    expect(table).toMatch(/^ {2}LLM_API_KEY +\*{8} +environment$/m);
    expect(table).not.toContain('sk-x');
  });
});

describe('APP_ENV', () => {
  it.each([
    ['prod', 'production'],
    ['PRODUCTION', 'production'],
    ['local', 'development'],
    ['dev', 'development'],
    ['development', 'development'],
    ['test', 'test'],
  ])('=%s is NODE_ENV=%s', (word, nodeEnv) => {
    const rest = { ENGINE: 'stub', API_KEYS: 'long-enough' };
    expect(settingsOf({ APP_ENV: word, ...rest }).nodeEnv).toBe(nodeEnv);
  });

  it('may stand beside a NODE_ENV that says the same', () => {
    const rest = { ENGINE: 'stub', API_KEYS: 'long-enough' };
    expect(settingsOf({ APP_ENV: 'prod', NODE_ENV: 'production', ...rest }).nodeEnv).toBe('production');
  });

  it('counts as production with all that this forbids', () => {
    expect(() => settingsOf({ APP_ENV: 'prod' })).toThrow(/^NODE_ENV is production and no engine is named/);
  });
});

describe('a start is stopped', () => {
  const differ = (name: string, second: string): string =>
    `${name} and ${second} are two names of one setting and say different things: set one of them alone.`;

  it.each([
    ['NODE_ENV', 'APP_ENV', { NODE_ENV: 'production', APP_ENV: 'local' }],
    ['OPENAI_API_KEY', 'LLM_API_KEY', { ...OPENAI, LLM_API_KEY: 'sk-x' }],
    ['MODEL_NAME', 'OPENAI_MODEL_MAIN', { ...OPENAI, OPENAI_MODEL_MAIN: 'gpt-5-mini' }],
    [
      'ENGINE_URLS',
      'LLM_API_BASE_URL',
      { ...OPENAI, ENGINE_URLS: 'http://gpu-1:30000', LLM_API_BASE_URL: 'https://api.openai.com/v1' },
    ],
  ])('by %s and %s where they differ', (name, second, environment: Variables) => {
    expect(() => settingsOf(environment)).toThrow(new ConfigError(differ(name, second)));
  });

  it.each([
    [
      'APP_ENV',
      'staging',
      'APP_ENV is "staging": it must be one of local, dev, development, test, prod, production.',
    ],
    [
      'LLM_API_KEY',
      'SECRET VALUE',
      'LLM_API_KEY has a wrong value: it must be printable ASCII characters without spaces.',
    ],
    [
      'LLM_API_BASE_URL',
      'api.openai.com/v1',
      'LLM_API_BASE_URL is "api.openai.com/v1": it must be one or more addresses like http://gpu-1:30000, separated by commas.',
    ],
  ])('by %s=%s', (name, value, sentence) => {
    expect(() => settingsOf({ [name]: value })).toThrow(new ConfigError(sentence));
  });
});

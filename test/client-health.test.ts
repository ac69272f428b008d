import { describe, expect, it } from '@jest/globals';
import { LLMClient } from '../src/client/index.js';
import { loadSettings } from '../src/config/load-settings.js';
import { runClientHere, startOddServer } from './support/client.js';
import { clientEnvOf } from './support/local-key.js';
import { startService, startStub } from './support/service.js';

const API_KEYS = { API_KEYS: 'app:inference:right-secret,ops:read:other-secret' };

const NOWHERE = 'http://127.0.0.1:1';

describe('health', () => {
  it('says that LLM Service is ready, with its engine and its database', async () => {
    const service = await startService();
    const { code, stdout, stderr } = await runClientHere(['health', '--url', service.url], {
      env: clientEnvOf(service),
    });
    expect(stdout).toMatch(/^LLM Service [\d.]+ · http:\S+ · ready\n/);
    expect(stdout).toMatch(/engine +stub, ready/);
    expect(stdout).toMatch(/model +Qwen\/Qwen3-32B-stub/);
    expect(stdout).toMatch(/database +\w+, ready/);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('speaks Korean', async () => {
    const { url } = await startService();
    const { stdout } = await runClientHere(['health', '--url', url, '--lang', 'ko']);
    expect(stdout).toContain('준비됨');
    expect(stdout).toMatch(/데이터베이스 {2}\w+, 준비됨/);
  });

  it('ends with 1 and the reason where the service answers but its engine is away', async () => {
    const { url } = await startService({ engine: 'sglang', engineUrls: [NOWHERE] });
    const { code, stdout } = await runClientHere(['health', '--url', url]);
    expect(stdout).toContain('· not ready\n');
    expect(stdout).toMatch(/reason +\S/);
    expect(code).toBe(1);
  });

  it('names an engine that is asked directly', async () => {
    const url = await startOddServer((request, response) => {
      const card = { id: 'm', owned_by: 'sglang', max_model_len: 4096 };
      response.end(request.url === '/health' ? '' : JSON.stringify({ data: [card] }));
    });
    const { code, stdout } = await runClientHere(['health', '--url', `${url}/v1`]);
    expect(stdout).toMatch(/^SGLang · http:\S+ · ready\n/);
    expect(stdout).toMatch(/context +4,096/);
    expect(code).toBe(0);
  });

  it('says of an engine that takes no calls yet that it is not ready', async () => {
    const url = await startOddServer((request, response) => {
      response.statusCode = request.url === '/health' ? 503 : 200;
      response.end('{"data":[{"id":"m","owned_by":"vllm"}]}');
    });
    const { code, stdout } = await runClientHere(['health', '--url', url]);
    expect(stdout).toMatch(/^vLLM · http:\S+ · not ready\n {2}reason +\/health answers 503\.\n/);
    expect(code).toBe(1);
  });

  it('says of a server that wants a key which one', async () => {
    const stub = await startStub({ apiKey: 'secret' });
    const { code, stdout } = await runClientHere(['health', '--url', stub.url]);
    expect(stdout).toContain('--api-key or LLM_SERVICE_API_KEY');
    expect(code).toBe(1);
  });

  it.each([
    ['wrong', 'wrong-secret', 'not ready', 1],
    ['for something else than its models', 'other-secret', 'ready', 0],
  ])('says of LLM Service to a key that is %s whether it is ready for it', async (_, key, state, status) => {
    const { apiKeys } = loadSettings(API_KEYS, undefined).settings;
    const { url } = await startService({ apiKeys });
    const { code, stdout } = await runClientHere(['health', '--url', url, '--api-key', key]);
    expect(stdout).toMatch(new RegExp(`^LLM Service .* · ${state}\\n`));
    expect(stdout.includes('--api-key or LLM_SERVICE_API_KEY')).toBe(code === 1);
    expect(code).toBe(status);
  });

  it.each([401, 403, 429])(
    'takes a server that answers /health with %i at the word of its models',
    async (status) => {
      const url = await startOddServer((request, response) => {
        response.statusCode = request.url === '/health' ? status : 200;
        response.end('{"data":[{"id":"m"}]}');
      });
      const { code, stdout } = await runClientHere(['health', '--url', url]);
      expect(stdout).toContain('· ready\n');
      expect(code).toBe(0);
    },
  );

  it('says of an address without models that it is none of the servers meant', async () => {
    const url = await startOddServer((_, response) => {
      response.writeHead(404).end('{}');
    });
    const { code, stdout, stderr } = await runClientHere(['health', '--url', url]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('has no /v1/models (status 404): is this the address of LLM Service');
  });

  it('says of JSON that is no list of models that it is none', async () => {
    const url = await startOddServer((_, response) => {
      response.end('{"hello":"world"}');
    });
    const { code, stdout, stderr } = await runClientHere(['health', '--url', url]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('/v1/models answered with JSON that is no list of models');
  });

  it('says that nothing came in time, and asks for no fewer tokens', async () => {
    const url = await startOddServer(() => undefined);
    const { code, stderr } = await runClientHere(['health', '--url', url, '--timeout', '0.05']);
    expect(stderr).toBe(
      `${url}/health gave no answer within 0.05 s: the server may be starting or busy. Ask again in a moment, or name another one with --url.\n`,
    );
    expect(code).toBe(3);
  });

  it.each([403, 404, 405])(
    'takes a server whose models answer %i for ready where the model is named',
    async (status) => {
      const url = await startOddServer((_, response) => {
        response.writeHead(status).end('{}');
      });
      const health = await new LLMClient({ baseUrl: url }).health(undefined, 'm');
      expect(health).toMatchObject({ ready: true, reason: null, models: [] });
    },
  );

  it('ends with 3 and one sentence where nothing answers', async () => {
    const { code, stdout, stderr } = await runClientHere(['health', '--url', NOWHERE]);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toMatch(/^http:\/\/127.0.0.1:1 does not answer \(connection refused\)\. .*\n$/);
  });

  it('says of a web page that it is none of the servers meant', async () => {
    const url = await startOddServer((_, response) => {
      response.end('<!doctype html><title>Welcome</title>');
    });
    const { code, stderr } = await runClientHere(['health', '--url', url]);
    expect(stderr).toContain('answered with a web page (status 200), not with JSON');
    expect(code).toBe(1);
  });

  it('is one JSON object for programs', async () => {
    const { url } = await startService();
    const { stdout } = await runClientHere(['health', '--url', url, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ url, ready: true, kind: 'llm-service', reason: null });
  });

  it('shows nothing that would steer the terminal', async () => {
    const url = await startOddServer((_, response) => {
      response.end(JSON.stringify({ data: [{ id: 'a\u001b[2Jb' }] }));
    });
    const { stdout } = await runClientHere(['health', '--url', url]);
    expect(stdout).not.toContain('\u001b');
  });

  it('ends with 130 where it is interrupted', async () => {
    const stop = new AbortController();
    const url = await startOddServer(() => {
      stop.abort();
    });
    const { code, stderr } = await runClientHere(['health', '--url', url], { stop: stop.signal });
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  });

  it('is asked by other programs without an exception', async () => {
    const { url } = await startService();
    const checks = [url, NOWHERE].map((baseUrl) => new LLMClient({ baseUrl }).healthCheck());
    expect(await Promise.all(checks)).toEqual([true, false]);
  });
});

describe('models', () => {
  it('are named one a line', async () => {
    const url = await startOddServer((_, response) => {
      response.end('{"data":[{"id":"a/b"},{"id":"c"}]}');
    });
    expect(await runClientHere(['models', '--url', url])).toEqual({
      code: 0,
      stdout: 'a/b\nc\n',
      stderr: '',
    });
  });

  it('are a JSON array for programs', async () => {
    const stub = await startStub();
    const { stdout } = await runClientHere(['models', '--url', stub.url, '--json']);
    expect(JSON.parse(stdout)).toEqual(['Qwen/Qwen3-32B-stub']);
  });

  it('may be none, which is said', async () => {
    const url = await startOddServer((_, response) => {
      response.end('{"data":[]}');
    });
    const { code, stdout, stderr } = await runClientHere(['models', '--url', url]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    expect(stderr).toContain('lists no models');
  });
});

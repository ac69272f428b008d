import { describe, expect, it } from '@jest/globals';
import { loadSettings } from '../src/config/load-settings.js';
import { SecretMask } from '../src/config/secret-mask.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { CHAT, STREAMED, times, WHOLE } from './support/engine-questions.js';
import { startBuilt } from './support/built-service.js';
import { startService, startStub } from './support/service.js';

const KEY = 'sk-engine-1234"\\/';

const maskOf = (environment: Record<string, string>): SecretMask =>
  new SecretMask(loadSettings(environment, undefined).settings);

describe('a secret of ours', () => {
  it.each([
    [{ ENGINE_API_KEY: 'sk-engine-1234' }, 'Incorrect key sk-engine-1234!', 'Incorrect key ***!'],
    [{ OPENAI_API_KEY: 'sk-openai-1234' }, 'sk-openai-1234sk-openai-1234', '******'],
    [{ EMBEDDING_API_KEY: 'sk-embed-1234' }, '{"key":"sk-embed-1234"}', '{"key":"***"}'],
    [
      { API_KEYS: 'ops:read:ops-secret,app:inference:app-secret' },
      'ops-secret app-secret ops',
      '*** *** ops',
    ],
    [{ ENGINE_API_KEY: KEY }, JSON.stringify({ key: KEY }), '{"key":"***"}'],
    [{ ENGINE_API_KEY: KEY }, `?key=${encodeURIComponent(KEY)}&b`, '?key=***&b'],
    [
      { DATABASE_URL: 'postgresql://app:p%40ss-word@db:5432/calls' },
      'postgresql://app:p%40ss-word@db, or p@ss-word',
      'postgresql://app:***@db, or ***',
    ],
    [{ DATABASE_URL: 'postgresql:///calls?host=/run&password=in-the-query' }, 'in-the-query', '***'],
    [{ API_KEYS: 'secret-1,secret-1-and-more' }, 'secret-1-and-more secret-1', '*** ***'],
    [{ ENGINE_API_KEY: 'EMPTY' }, 'the body is EMPTY', 'the body is EMPTY'],
    [{}, 'nothing is secret', 'nothing is secret'],
  ])('of %j is masked: %s', (environment, said, masked) => {
    const mask = maskOf(environment);

    expect(mask.text(said)).toBe(masked);
    expect(mask.bytes(Buffer.from(said)).toString()).toBe(masked);
  });

  it('is masked among bytes that stay what they are', () => {
    const mask = maskOf({
      ENGINE_API_KEY: 'sk-engine-1234',
      DATABASE_URL: 'postgresql://a:비밀번호123@db/calls',
    });
    const broken = Buffer.from([0xff, 0xc3]);

    expect(mask.bytes(Buffer.concat([broken, Buffer.from('면접 sk-engine-1234 비밀번호123')]))).toEqual(
      Buffer.concat([broken, Buffer.from('면접 *** ***')]),
    );
  });
});

describe('a key that the engine repeats', () => {
  const engineApiKey = 'sk-engine-1234';
  const said = `Incorrect API key provided: ${engineApiKey}.`;

  it.each<{ what: string; script: Fault; route: typeof WHOLE }>([
    { what: 'an error inside a 200', script: { kind: 'engine-error', message: said }, route: WHOLE },
    { what: 'a page', script: { kind: 'raw', body: [`<h1>${said}</h1>`] }, route: WHOLE },
    {
      what: 'an error after text that holds it',
      script: { kind: 'engine-error', message: said, content: said, afterTokens: 1000 },
      route: CHAT,
    },
    {
      what: 'a reply that breaks off',
      script: { kind: 'hang-up', after: 'tokens', content: said },
      route: STREAMED,
    },
  ])('is not kept: in $what', async ({ script, route }) => {
    const service = await startService({
      engineApiKey,
      apiKeys: [{ name: 'ops', scopes: ['inference', 'read'], secret: 'ops-secret' }],
    });
    const authorization = 'Bearer ops-secret';
    service.stub.script(...times(3, script));

    const { headers } = await service.post(route.path, route.body, { authorization });

    const { body } = await service.get(`/api/calls/${headers['x-call-id']}`, { authorization });
    expect(JSON.stringify(body)).not.toContain(engineApiKey);
    expect(JSON.stringify(body.tries)).toContain('"reply":');
  });

  it('is not logged at DEBUG with LOG_PROMPTS, whatever it stands in', async () => {
    const stub = await startStub();
    stub.script(
      { kind: 'status', status: 401, body: { error: { message: said } } },
      { kind: 'engine-error', code: 400, message: said },
      { kind: 'raw', body: [`data: ${said}\n\n`] },
      { kind: 'raw', body: [`data: ${said}\n\n`] },
      { kind: 'reply', content: said },
    );
    const service = startBuilt({
      ENGINE: 'stub',
      ENGINE_URLS: stub.url,
      ENGINE_API_KEY: engineApiKey,
      LOG_LEVEL: 'DEBUG',
      LOG_PROMPTS: 'true',
    });
    const url = await service.url();
    const ask = (): Promise<Response> =>
      fetch(url + CHAT.path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(CHAT.body),
      });
    for (let asked = 0; asked < 4; asked++) await ask();
    await service.stop();

    const log = service.lines.join('\n') + (await service.errors);
    expect(log.match(/Incorrect API key provided: \*\*\*/g)?.length).toBe(5);
    expect(log).not.toContain(engineApiKey);
  });
});

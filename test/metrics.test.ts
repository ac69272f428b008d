import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { parse } from 'yaml';
import { CallEvents } from '../src/calls/call-events.js';
import { loadSettings } from '../src/config/load-settings.js';
import type { Fault } from '../src/engine/stub/faults.js';
import { keyOf, parseExposition, type Sample } from './support/exposition.js';
import { MODEL_REPLIES, QUESTION, startService, type TestService } from './support/service.js';

const FEEDBACK = '/api/feedback';
const CHAT = '/api/chat/completions';
const HELLO = { messages: [{ role: 'user', content: 'Hello' }] };
const GOOD = JSON.stringify(MODEL_REPLIES[FEEDBACK]);
const NO_SCORE = JSON.stringify({ feedback: 'Names the right tool.', is_passed: true });

/** The name that the stub of these tests serves. */
const MODEL = 'Qwen/Qwen3-32B-stub';

interface Cost {
  readonly prompt: number;
  readonly completion: number;
}

const usageOf = ({ prompt, completion }: Cost) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
});

/** A whole reply that says so much and costs so much. */
function whole(content: string, cost: Cost): Fault {
  const message = { role: 'assistant', content };
  const choices = [{ index: 0, message, finish_reason: 'stop', matched_stop: 151645 }];
  return { kind: 'raw', body: [JSON.stringify({ model: MODEL, choices, usage: usageOf(cost) })] };
}

/** The same as a stream of one piece. */
function streamed(content: string, cost: Cost): Fault {
  const events = [
    { choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }] },
    { choices: [{ index: 0, delta: { content }, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop', matched_stop: 151645 }] },
    { choices: [], usage: usageOf(cost) },
  ];
  const lines = events.map((event) => `data: ${JSON.stringify({ model: MODEL, ...event })}\n\n`);
  return { kind: 'raw', body: [lines.join('') + 'data: [DONE]\n\n'] };
}

async function read(service: TestService, headers: Record<string, string> = service.localKey) {
  const reply = await request(`${service.url}/metrics`, { headers });
  return { status: reply.statusCode, headers: reply.headers, text: await reply.body.text() };
}

async function samples(service: TestService): Promise<Sample[]> {
  const { text } = await read(service);
  return [...parseExposition(text).values()].flatMap((family) => family.samples);
}

/** What is known of calls: of times, how many there are. Nothing that is 0, and no bucket. */
async function counted(service: TestService): Promise<Record<string, number>> {
  const own = (await samples(service)).filter(
    ({ name, value }) =>
      /^(llm_service|gen_ai)_/.test(name) &&
      !/_bucket$|_seconds_sum$|_build_info$|_(engine|database)_up$/.test(name) &&
      value !== 0,
  );
  return Object.fromEntries(own.map((sample) => [keyOf(sample), sample.value]));
}

/** Names with their labels, as Prometheus writes them; `also` comes behind. */
function labelled(task: string, model = MODEL) {
  return {
    own: (name: string, also: Record<string, string> = {}): string =>
      keyOf({ name: `llm_service_${name}`, labels: { task, model, ...also }, value: 0 }),
    genAi: (name: string, also: Record<string, string> = {}): string =>
      keyOf({
        name: `gen_ai_${name}`,
        labels: {
          task,
          gen_ai_operation_name: 'chat',
          gen_ai_provider_name: 'stub',
          gen_ai_request_model: model,
          ...also,
        },
        value: 0,
      }),
  };
}

/** Asks for a stream and reads it to its end. */
async function stream(service: TestService, path: string): Promise<string> {
  const { body } = await request(service.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...QUESTION, stream: true }),
  });
  return body.text();
}

/** Waits for the end of a call that nobody waits for any more. */
async function ended(service: TestService): Promise<void> {
  await once(service.app.get(CallEvents), 'end');
}

describe('a call', () => {
  it('that is answered counts with its reply, its tokens and its times', async () => {
    const service = await startService();
    service.stub.script(whole(GOOD, { prompt: 100, completion: 20 }));

    await service.post(FEEDBACK, QUESTION);

    const { own, genAi } = labelled('feedback');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'ok' })]: 1,
      [own('replies_total', { judgement: 'strict' })]: 1,
      [own('engine_tries_total')]: 1,
      [genAi('server_request_duration_seconds_count')]: 1,
      [genAi('client_operation_duration_seconds_count')]: 1,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'input' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'input' })]: 100,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'output' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'output' })]: 20,
    });
  });

  it('that is asked again counts its flaws, its tries and what it wasted', async () => {
    const service = await startService();
    service.stub.script(
      whole(NO_SCORE, { prompt: 100, completion: 10 }),
      whole('Hm.', { prompt: 150, completion: 5 }),
      whole(`\`\`\`json\n${GOOD}\n\`\`\``, { prompt: 160, completion: 20 }),
    );

    await service.post(FEEDBACK, QUESTION);

    const { own, genAi } = labelled('feedback');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'ok' })]: 1,
      [own('replies_total', { judgement: 'schema' })]: 1,
      [own('replies_total', { judgement: 'not-json' })]: 1,
      [own('replies_total', { judgement: 'tolerant' })]: 1,
      [own('engine_tries_total')]: 3,
      [own('re_asks_total')]: 2,
      [own('wasted_tokens_total')]: 110 + 155,
      [genAi('server_request_duration_seconds_count')]: 1,
      [genAi('client_operation_duration_seconds_count')]: 1,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'input' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'input' })]: 410,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'output' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'output' })]: 35,
    });
  });

  it('that fails counts under its code', async () => {
    const service = await startService();
    service.stub.script({ kind: 'status', status: 400 });

    await service.fail(FEEDBACK, QUESTION);

    const { own, genAi } = labelled('feedback');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'failed', code: 'ENGINE_REJECTED' })]: 1,
      [own('engine_tries_total')]: 1,
      [genAi('server_request_duration_seconds_count', { error_type: 'ENGINE_REJECTED' })]: 1,
      [genAi('client_operation_duration_seconds_count', { error_type: 'ENGINE_REJECTED' })]: 1,
    });
  });

  it('that never reached an engine spent no time on one', async () => {
    const service = await startService({ engine: 'sglang' });

    await service.fail(FEEDBACK, { ...QUESTION, model: 'no-such-model' });

    const { own, genAi } = labelled('feedback', 'other');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'failed', code: 'MODEL_NOT_FOUND' })]: 1,
      [genAi('server_request_duration_seconds_count', {
        error_type: 'MODEL_NOT_FOUND',
        gen_ai_provider_name: 'sglang',
      })]: 1,
    });
  });

  it('that is streamed counts its resets and the times of its first words', async () => {
    const service = await startService();
    service.stub.script(
      streamed(NO_SCORE, { prompt: 100, completion: 10 }),
      streamed(GOOD, { prompt: 150, completion: 20 }),
    );

    expect(await stream(service, FEEDBACK)).toMatch(/event: reset[^]*event: result/);

    const { own, genAi } = labelled('feedback');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'ok' })]: 1,
      [own('replies_total', { judgement: 'schema' })]: 1,
      [own('replies_total', { judgement: 'strict' })]: 1,
      [own('engine_tries_total')]: 2,
      [own('re_asks_total')]: 1,
      [own('stream_resets_total')]: 1,
      [own('wasted_tokens_total')]: 110,
      [genAi('server_request_duration_seconds_count')]: 1,
      [genAi('server_time_to_first_token_seconds_count')]: 1,
      [genAi('client_operation_duration_seconds_count')]: 1,
      [genAi('client_operation_time_to_first_chunk_seconds_count')]: 1,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'input' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'input' })]: 250,
      [genAi('client_token_usage_count', { gen_ai_token_type: 'output' })]: 1,
      [genAi('client_token_usage_sum', { gen_ai_token_type: 'output' })]: 30,
    });
  });

  it('that is streamed and fails has no time to its first token', async () => {
    const service = await startService({ structuredMaxAttempts: 1 });
    service.stub.script(streamed(NO_SCORE, { prompt: 100, completion: 10 }));

    expect(await stream(service, FEEDBACK)).toMatch(/event: field.delta[^]*event: error/);

    const { own, genAi } = labelled('feedback');
    const counts = await counted(service);
    expect(counts).toMatchObject({
      [own('calls_total', { outcome: 'failed', code: 'STRUCTURED_OUTPUT_INVALID' })]: 1,
      [genAi('client_operation_time_to_first_chunk_seconds_count')]: 1,
    });
    expect(counts).not.toHaveProperty([genAi('server_time_to_first_token_seconds_count')]);
  });

  it('that breaks off after its last field is judged again, and not asked again', async () => {
    const service = await startService();
    const step = JSON.stringify(MODEL_REPLIES['/api/interview/step']);
    service.stub.script({ kind: 'hang-up', after: 'tokens', content: step.slice(0, -1) });

    expect(await stream(service, '/api/interview/step')).toContain('event: result');

    const { own } = labelled('interview_step');
    const counts = await counted(service);
    expect(counts).toMatchObject({
      [own('replies_total', { judgement: 'unfinished' })]: 1,
      [own('replies_total', { judgement: 'strict' })]: 1,
      [own('engine_tries_total')]: 1,
    });
    expect(counts).not.toHaveProperty([own('re_asks_total')]);
  });

  it('that runs away counts what the watchdog said', async () => {
    const service = await startService();
    const blanks = { kind: 'reply', content: ' '.repeat(300) } as const;
    service.stub.script(blanks, blanks);

    await service.fail(CHAT, HELLO);

    const { own } = labelled('chat');
    expect(await counted(service)).toMatchObject({
      [own('calls_total', { outcome: 'failed', code: 'ENGINE_REPLY_RUNAWAY' })]: 1,
      [own('watchdog_stops_total', { reason: 'blanks' })]: 2,
    });
  });

  it('is in flight while the engine is silent, and no longer once another request cancels it', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'request' });
    const inFlight = async () =>
      (await counted(service))['llm_service_calls_in_flight{task="feedback"}'] ?? 0;

    const call = service.post(FEEDBACK, QUESTION, { 'x-request-id': 'one-that-stalls' });
    await service.stub.waitFor(() => service.stub.running === 1);
    expect(await inFlight()).toBe(1);
    await service.post('/api/calls/one-that-stalls/cancel', {});
    await call;

    const { own, genAi } = labelled('feedback');
    expect(await counted(service)).toEqual({
      [own('calls_total', { outcome: 'cancelled' })]: 1,
      [own('cancelled_calls_total', { reason: 'cancelled' })]: 1,
      [own('engine_tries_total')]: 1,
      [genAi('server_request_duration_seconds_count', { error_type: 'CANCELLED' })]: 1,
      [genAi('client_operation_duration_seconds_count', { error_type: 'CANCELLED' })]: 1,
    });
  });

  it('whose caller leaves counts as cancelled for another reason', async () => {
    const service = await startService();
    service.stub.script({ kind: 'stall', after: 'request' });
    const caller = new AbortController();

    const call = request(service.url + FEEDBACK, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(QUESTION),
      signal: caller.signal,
    });
    await service.stub.waitFor(() => service.stub.running === 1);
    const end = ended(service);
    caller.abort();
    await expect(call).rejects.toThrow('aborted');
    await end;

    const { own } = labelled('feedback');
    expect(await counted(service)).toMatchObject({
      [own('cancelled_calls_total', { reason: 'disconnected' })]: 1,
    });
  });

  it('of one application does not count in another', async () => {
    const [one, other] = [await startService(), await startService()];
    one.stub.script(whole(GOOD, { prompt: 100, completion: 20 }));

    await one.post(FEEDBACK, QUESTION);

    expect(Object.keys(await counted(one))).not.toEqual([]);
    expect(await counted(other)).toEqual({});
  });

  it('adds to a series that begins at 0, so that its first waste is seen', async () => {
    const service = await startService();
    service.stub.script(whole(GOOD, { prompt: 100, completion: 20 }));

    await service.post(FEEDBACK, QUESTION);

    const zeros = (await samples(service)).filter(({ labels, value }) => labels.task && value === 0);
    const { own } = labelled('feedback');
    expect(zeros.map(keyOf)).toEqual(
      expect.arrayContaining([own('wasted_tokens_total'), own('re_asks_total'), own('stream_resets_total')]),
    );
  });
});

describe('labels', () => {
  it('are as many after 50 names of models as after one, for what is not served is "other"', async () => {
    const service = await startService();
    const ask = (model: string) => service.post(CHAT, { ...HELLO, model });
    const keys = async () => (await samples(service)).filter(({ labels }) => labels.task).map(keyOf);

    await ask('model-0');
    const after1 = await keys();
    for (let index = 1; index < 50; index++) await ask(`model-${index}`);

    expect(await keys()).toEqual(after1);
    expect(after1.filter((key) => key.includes('model-'))).toEqual([]);
    const { own } = labelled('chat', 'other');
    expect((await counted(service))[own('calls_total', { outcome: 'ok' })]).toBe(50);
  });

  it.each([
    ['/v1/chat/completions', HELLO, 'v1_chat', 'chat'],
    ['/v1/completions', { prompt: 'Hello' }, 'v1_completions', 'text_completion'],
    ['/v1/embeddings', { input: 'Hello' }, 'v1_embeddings', 'embeddings'],
  ])('name what is done as OpenTelemetry does: %s', async (path, body, task, operation) => {
    const service = await startService();

    expect(await service.post(path, { model: MODEL, ...body })).toMatchObject({ status: 200 });

    const { genAi } = labelled(task);
    const key = genAi('server_request_duration_seconds_count', { gen_ai_operation_name: operation });
    expect((await counted(service))[key]).toBe(1);
  });

  it.each([
    ['MODEL_NAME', undefined],
    ['the served name itself', MODEL],
  ])('name the served model where the call is for %s', async (_, model) => {
    const service = await startService();

    await service.post(CHAT, { ...HELLO, model });

    const { own } = labelled('chat');
    expect((await counted(service))[own('calls_total', { outcome: 'ok' })]).toBe(1);
  });

  it('name MODEL_NAME where no engine tells what it serves', async () => {
    const service = await startService({ engineUrls: ['http://127.0.0.1:9'], modelName: 'own-model' });

    await service.fail(CHAT, HELLO);

    const { own } = labelled('chat', 'own-model');
    const key = own('calls_total', { outcome: 'failed', code: 'ENGINE_UNREACHABLE' });
    expect((await counted(service))[key]).toBe(1);
  });

  it('never hold an address, an id or a name of a caller', async () => {
    const service = await startService();
    await service.post(CHAT, { ...HELLO, interview_id: 'iv-42', user_id: 'u-7', tags: ['pilot'] });

    const { text } = await read(service);

    expect(text).not.toMatch(/127\.0\.0\.1|iv-42|u-7|pilot/);
  });
});

describe('engines', () => {
  it('are up or down by their place', async () => {
    const service = await startService();
    const two = await startService({ engineUrls: ['http://127.0.0.1:9', service.stub.url] });

    const engines = (await samples(two)).filter(({ name }) => name === 'llm_service_engine_up');

    expect(engines.map(({ labels, value }) => [labels.engine, value])).toEqual([
      ['0', 0],
      ['1', 1],
    ]);
  });
});

describe('the text', () => {
  it('is Prometheus’ own format, and says so', async () => {
    const service = await startService();
    await service.post(CHAT, HELLO);

    const { status, headers, text } = await read(service);

    expect({ status, type: headers['content-type'] }).toEqual({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
    });
    expect(parseExposition(text).size).toBeGreaterThan(20);
  });

  it('names units, and counters _total', async () => {
    const families = parseExposition((await read(await startService())).text);

    const misnamed = [...families].filter(([name, { type }]) => {
      if (type === 'counter') return !name.endsWith('_total');
      if (type === 'histogram') return !/_(seconds|token_usage)$/.test(name);
      return name.endsWith('_total') || /_(ms|millis|kb|mb)(_|$)/.test(name);
    });

    expect(misnamed.map(([name]) => name)).toEqual([]);
  });

  it('tells the version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    const found = (await samples(await startService())).find(({ name }) => name === 'llm_service_build_info');
    expect(found).toEqual({ name: 'llm_service_build_info', labels: { version }, value: 1 });
  });
});

describe('access', () => {
  const { apiKeys } = loadSettings(
    { API_KEYS: 'app:inference:secret-inference,ops:read:secret-read' },
    undefined,
  ).settings;
  const bearer = (secret: string) => ({ authorization: `Bearer ${secret}` });

  it.each([
    ['nobody', {}, 401],
    ['inference', bearer('secret-inference'), 403],
    ['read', bearer('secret-read'), 200],
  ])('is for the scope read: %s', async (_, headers, status) => {
    expect((await read(await startService({ apiKeys }), headers)).status).toBe(status);
  });

  it.each([
    ['nobody', {}],
    ['a foreign caller', { host: 'example.com' }],
    ['a wrong key', bearer('wrong-secret')],
    ['inference', bearer('secret-inference')],
  ])('is for everybody with METRICS_OPEN=true: %s', async (_, headers) => {
    expect((await read(await startService({ apiKeys, metricsOpen: true }), headers)).status).toBe(200);
  });

  it('stays closed elsewhere with METRICS_OPEN=true', async () => {
    const service = await startService({ apiKeys, metricsOpen: true });
    expect((await service.fail(FEEDBACK, QUESTION)).status).toBe(401);
  });
});

describe('docs/metrics.md', () => {
  /** What only Linux tells of a process. */
  const LINUX_ALONE = [
    'process_virtual_memory_bytes',
    'process_heap_bytes',
    'process_open_fds',
    'process_max_fds',
  ];
  const page = readFileSync('docs/metrics.md', 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z0-9_]+)` +\| (counter|gauge|histogram) +\| (.*?) *\|/gm)].map(
    ([, name = '', type = '', labels = '']) => ({ name, type, labels: labels.split(', ').filter(Boolean) }),
  );
  /** Labels that the page tells of once for all its rows. */
  const COMMON = ['task', 'gen_ai_operation_name', 'gen_ai_request_model', 'gen_ai_provider_name'];

  it('lists every metric with its type, and no other', async () => {
    const families = parseExposition((await read(await startService())).text);
    const shown = [...families].map(([name, { type }]) => `${name} ${type}`);
    const here = rows.filter(({ name }) => process.platform === 'linux' || !LINUX_ALONE.includes(name));
    expect(shown.sort()).toEqual(here.map(({ name, type }) => `${name} ${type}`).sort());
  });

  it('lists the labels of every metric', async () => {
    const service = await startService();
    const blanks = { kind: 'reply', content: ' '.repeat(300) } as const;
    service.stub.script(blanks, blanks, { kind: 'stall', after: 'request' });
    await service.fail(CHAT, HELLO);
    const call = service.post(FEEDBACK, QUESTION, { 'x-request-id': 'one-that-stalls' });
    await service.stub.waitFor(() => service.stub.running === 1);
    await service.post('/api/calls/one-that-stalls/cancel', {});
    await call;
    await service.post(FEEDBACK, QUESTION);
    await service.fail(FEEDBACK, QUESTION, { host: 'example.com' });
    const families = parseExposition((await read(service)).text);

    const seen = (name: string): string[] => {
      const labels = families.get(name)?.samples.flatMap((sample) => Object.keys(sample.labels)) ?? [];
      const known = name.startsWith('gen_ai_') ? ['le', ...COMMON] : ['le'];
      return [...new Set(labels)].filter((label) => !known.includes(label)).sort();
    };

    // Of a garbage collection that may not have been, and of calls that nobody streams, there is nothing to see.
    const unseen = rows
      .filter(({ name }) => families.get(name)?.samples.length === 0)
      .map(({ name }) => name);
    expect(unseen.filter((name) => name.startsWith('llm_service_'))).toEqual([]);
    const told = rows.filter(({ name }) => !unseen.includes(name));
    expect(told.map(({ name }) => [name, seen(name)])).toEqual(
      told.map(({ name, labels }) => [name, labels.toSorted()]),
    );
  });

  it.each([
    ['its queries', [...page.matchAll(/```promql\n(.+?)```/gs)].map(([, text = '']) => text)],
    ['the alerts', [readFileSync('docker/prometheus/rules.yml', 'utf8')]],
  ])('has every metric that %s ask for', (_, queries) => {
    const examples = queries.join('\n');
    const names = [...examples.matchAll(/\b(?:llm_service|gen_ai|process|nodejs)_\w+(?=[{[)])/g)].map(
      ([name]) => name.replace(/_(bucket|sum|count)$/, ''),
    );
    const asked = names.filter((name) => !COMMON.includes(name));
    expect(asked.length).toBeGreaterThan(7);
    expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining([...new Set(asked)]));
  });

  it('shows files that are YAML', () => {
    const files = [...page.matchAll(/```yaml\n(.+?)```/gs)].map(([, text = '']) =>
      Object.keys(parse(text) as object),
    );
    expect(files).toEqual([['scrape_configs'], ['rule_files']]);
  });
});

describe('the reader of these tests', () => {
  const HEAD = '# HELP a_total A.\n# TYPE a_total counter\n';
  const BUCKETS = '# HELP h H.\n# TYPE h histogram\n';

  it.each([
    ['no end of line', `${HEAD}a_total 1`],
    ['no help', '# TYPE a_total counter\na_total 1\n'],
    ['no family', 'a_total 1\n'],
    ['another family’s sample', `${HEAD}b_total 1\n`],
    ['a sample twice', `${HEAD}a_total{x="1"} 1\na_total{x="1"} 2\n`],
    ['a family twice', `${HEAD}a_total 1\n${HEAD}a_total{x="1"} 1\n`],
    ['a label twice', `${HEAD}a_total{x="1",x="2"} 1\n`],
    ['a raw quote', `${HEAD}a_total{x="1"2"} 1\n`],
    ['an unknown escape', `${HEAD}a_total{x="\\t"} 1\n`],
    ['no number', `${HEAD}a_total Nan\n`],
    ['buckets that shrink', `${BUCKETS}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`],
    ['buckets without an end', `${BUCKETS}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`],
    ['another count', `${BUCKETS}h_bucket{le="+Inf"} 1\nh_sum 1\nh_count 2\n`],
  ])('takes no %s', (_, text) => {
    expect(() => parseExposition(text)).toThrow();
  });

  it('takes what is right', () => {
    const families = parseExposition(
      `${HEAD}a_total{x="a\\"b\\\\c\\nd",y=""} 1.5e+3\n\n${BUCKETS}h_bucket{le="0.5"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n`,
    );
    expect(families.get('a_total')?.samples).toEqual([
      { name: 'a_total', labels: { x: 'a"b\\c\nd', y: '' }, value: 1500 },
    ]);
    expect(families.get('h')?.samples.map(({ value }) => value)).toEqual([1, 2, 3, 2]);
  });
});

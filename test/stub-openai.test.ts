import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { ask, askStream, COMPLETIONS, EMBEDDINGS, post, startStub } from './stub-support.js';

const schema = {
  type: 'object',
  properties: { score: { type: 'integer' } },
  required: ['score'],
  additionalProperties: false,
};

function format(change: object): object {
  return { type: 'json_schema', json_schema: { name: 't', strict: true, schema, ...change } };
}

describe('the OpenAI dialect', () => {
  it("answers in OpenAI's shape", async () => {
    const stub = await startStub({ dialect: 'openai' });
    stub.script({ kind: 'reply', content: 'Hi' });
    const { text } = await ask(stub);
    expect(text.replace(/[0-9a-f]{32}/, 'ID').replace(/\d{10}/, '0')).toBe(
      '{"id":"chatcmpl-ID","object":"chat.completion","created":0,"model":"qwen-stub","choices":[{"index":0,' +
        '"message":{"role":"assistant","content":"Hi","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],' +
        '"usage":{"prompt_tokens":10,"completion_tokens":2,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},' +
        '"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},' +
        '"service_tier":"default","system_fingerprint":"fp_stub"}',
    );
  });

  it("streams in OpenAI's shape", async () => {
    const stub = await startStub({ dialect: 'openai' });
    stub.script({ kind: 'reply', content: 'Hi' });
    const events = await askStream(stub, { stream_options: { include_usage: true } });
    expect(events.map((event) => event.replace(/^.*?"system_fingerprint":"fp_stub",/, ''))).toEqual([
      '"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}',
      '"choices":[{"index":0,"delta":{"content":"Hi"},"logprobs":null,"finish_reason":null}],"usage":null}',
      '"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}',
      expect.stringMatching(/^"choices":\[\],"usage":\{"prompt_tokens":10,/),
      '[DONE]',
    ]);
  });

  it('has one id for all choices of a stream', async () => {
    const stub = await startStub({ dialect: 'openai' });
    const events = await askStream(stub, { n: 2 });
    const ids = events.slice(0, -1).map((event) => (JSON.parse(event) as { id: string }).id);
    expect(new Set(ids).size).toBe(1);
    expect(events.filter((event) => event.includes('"finish_reason":"stop"'))).toHaveLength(2);
  });

  it('tells how likely the tokens of the text were', async () => {
    const stub = await startStub({ dialect: 'openai' });
    stub.script({ kind: 'reply', reasoning: 'Hm', content: 'Hi' });
    const { text } = await ask(stub, { logprobs: true, top_logprobs: 1 });
    expect(text.replaceAll(/-0\.\d+/g, '-0.5')).toContain(
      '"logprobs":{"content":[{"token":"Hi","logprob":-0.5,"bytes":[72,105],' +
        '"top_logprobs":[{"token":"Hi","logprob":-0.5,"bytes":[72,105]}]}],"refusal":null}',
    );
  });

  describe('with tools', () => {
    const parameters = { type: 'object', properties: { zone: { enum: ['KST'] } } };
    const tools = [{ type: 'function', function: { name: 'get_time', parameters } }];
    const anonymous = (text: string) => text.replaceAll(/call_[0-9a-f]{24}/g, 'CALL');

    it('calls one', async () => {
      const { text } = await ask(await startStub({ dialect: 'openai' }), { tools, tool_choice: 'required' });
      expect(anonymous(text)).toContain(
        '"message":{"role":"assistant","content":null,"tool_calls":[{"id":"CALL","type":"function",' +
          '"function":{"name":"get_time","arguments":"{\\"zone\\": \\"KST\\"}"}}],"refusal":null,"annotations":[]},' +
          '"logprobs":null,"finish_reason":"tool_calls"}',
      );
    });

    it('calls one in pieces', async () => {
      const stub = await startStub({ dialect: 'openai' });
      const events = await askStream(stub, { tools, tool_choice: 'required' });
      const deltas = events.map((event) => /"delta":(\{.*\}),"logprobs"/.exec(anonymous(event))?.[1]);
      expect(deltas.slice(0, 3)).toEqual([
        '{"role":"assistant","content":null,"refusal":null}',
        '{"tool_calls":[{"index":0,"id":"CALL","type":"function","function":{"name":"get_time","arguments":""}}]}',
        '{"tool_calls":[{"index":0,"function":{"arguments":"{\\"zo"}}]}',
      ]);
      expect(events.at(-2)).toContain('"delta":{},"logprobs":null,"finish_reason":"tool_calls"');
    });
  });

  describe('of text completions', () => {
    it("answers in OpenAI's shape", async () => {
      const stub = await startStub({ dialect: 'openai' });
      stub.script({ kind: 'reply', content: 'Hi there' });
      const { text } = await ask(stub, { max_tokens: 2, logprobs: 1 }, COMPLETIONS);
      expect(
        text
          .replace(/[0-9a-f]{32}/, 'ID')
          .replace(/\d{10}/, '0')
          .replaceAll(/-0\.\d+/g, '-0.5'),
      ).toContain(
        '{"id":"cmpl-ID","object":"text_completion","created":0,"model":"qwen-stub","system_fingerprint":"fp_stub",' +
          '"choices":[{"text":"Hi there","index":0,"logprobs":{"tokens":["Hi t","here"],"token_logprobs":[-0.5,-0.5],' +
          '"top_logprobs":[{"Hi t":-0.5},{"here":-0.5}],"text_offset":[0,4]},"finish_reason":"length"}],' +
          '"usage":{"prompt_tokens":4,"completion_tokens":2,"total_tokens":6,',
      );
    });

    it("streams in OpenAI's shape", async () => {
      const stub = await startStub({ dialect: 'openai' });
      stub.script({ kind: 'reply', content: 'Hi there' });
      const events = await askStream(stub, { stream_options: { include_usage: true } }, COMPLETIONS);
      expect(events.map((event) => event.replace(/^.*?"system_fingerprint":"fp_stub",/, ''))).toEqual([
        '"choices":[{"text":"Hi t","index":0,"logprobs":null,"finish_reason":null}],"usage":null}',
        '"choices":[{"text":"here","index":0,"logprobs":null,"finish_reason":null}],"usage":null}',
        '"choices":[{"text":"","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":null}',
        expect.stringMatching(/^"choices":\[\],"usage":\{"prompt_tokens":4,/),
        '[DONE]',
      ]);
    });

    it('tells where each token of a stream begins', async () => {
      const stub = await startStub({ dialect: 'openai' });
      stub.script({ kind: 'reply', content: 'Hi there' });
      const events = await askStream(stub, { logprobs: 0, max_tokens: 2 }, COMPLETIONS);
      expect(events.map((event) => /"text_offset":(\[\d\])/.exec(event)?.[1])).toEqual([
        '[0]',
        '[4]',
        undefined,
      ]);
    });

    it.each([
      ['top_k', COMPLETIONS],
      ['rid', COMPLETIONS],
      ['rid', EMBEDDINGS],
      ['priority', EMBEDDINGS],
    ])('and of embeddings refuses %s at %s', async (name, path) => {
      const { status, text } = await ask(await startStub({ dialect: 'openai' }), { [name]: 'x' }, path);
      expect(status).toBe(400);
      expect(JSON.parse(text)).toMatchObject({
        error: { message: expect.stringContaining(name), type: 'invalid_request_error' },
      });
    });

    it.each([COMPLETIONS, EMBEDDINGS])('and of embeddings needs a model at %s', async (path) => {
      const { status, text } = await ask(await startStub({ dialect: 'openai' }), { model: undefined }, path);
      expect([status, text]).toEqual([400, expect.stringContaining('you must provide a model parameter')]);
    });
  });

  it.each([
    ['max_tokens', 5],
    ['top_k', 20],
    ['min_p', 0],
    ['repetition_penalty', 1],
    ['chat_template_kwargs', { enable_thinking: false }],
    ['separate_reasoning', false],
    ['rid', 'mine'],
    ['nonsense', 1],
  ])('refuses %s', async (name, value) => {
    const { status, text } = await ask(await startStub({ dialect: 'openai' }), { [name]: value });
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({
      error: { message: expect.stringContaining(name), type: 'invalid_request_error' },
    });
  });

  it('names the parameter and the code', async () => {
    const { text } = await ask(await startStub({ dialect: 'openai' }), { max_tokens: 5 });
    expect(text).toBe(
      `{"error":{"message":"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}`,
    );
  });

  it.each(['gpt-5-mini', 'o4-mini'])('lets no one choose the temperature of %s', async (model) => {
    const stub = await startStub({ dialect: 'openai' });
    expect((await ask(stub, { model, temperature: 0.2 })).status).toBe(400);
    expect((await ask(stub, { model, top_p: 0.9 })).status).toBe(400);
    expect((await ask(stub, { model, temperature: 1 })).status).toBe(200);
  });

  it('lets the temperature of other models be chosen', async () => {
    const stub = await startStub({ dialect: 'openai' });
    expect((await ask(stub, { model: 'gpt-4.1', temperature: 0.2 })).status).toBe(200);
  });

  it('takes a schema that keeps its rules', async () => {
    const stub = await startStub({ dialect: 'openai' });
    expect((await ask(stub, { response_format: format({}) })).status).toBe(200);
  });

  it.each([
    ['strict', format({ strict: undefined })],
    [
      "'additionalProperties' is required",
      format({ schema: { ...schema, additionalProperties: undefined } }),
    ],
    ["Missing 'score'", format({ schema: { ...schema, required: [] } })],
    [
      "In context=('properties', 'score'), 'minLength' is not permitted",
      format({ schema: { ...schema, properties: { score: { type: 'string', minLength: 1 } } } }),
    ],
    ['got \'type: "array"\'', format({ schema: { type: 'array', items: schema } })],
  ])('refuses a schema that does not: %s', async (message, response_format) => {
    const { status, text } = await ask(await startStub({ dialect: 'openai' }), { response_format });
    expect(status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ error: { message: expect.stringContaining(message) } });
  });

  it('refuses a wrong key in its own shape', async () => {
    const stub = await startStub({ dialect: 'openai', apiKey: 'secret' });
    const response = await post(stub, {}, { headers: { authorization: 'Bearer sk-0123456789' } });
    expect([response.statusCode, await response.body.json()]).toEqual([
      401,
      {
        error: {
          message: 'Incorrect API key provided: sk-***6789.',
          type: 'invalid_request_error',
          param: null,
          code: 'invalid_api_key',
        },
      },
    ]);
  });

  it('refuses a missing key', async () => {
    const { status, text } = await ask(await startStub({ dialect: 'openai', apiKey: 'secret' }));
    expect(status).toBe(401);
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'invalid_request_error', code: null } });
  });

  it("has none of SGLang's own routes", async () => {
    const { url } = await startStub({ dialect: 'openai' });
    const { statusCode, body } = await request(`${url}/ready`);
    expect([statusCode, await body.json()]).toEqual([
      404,
      {
        error: {
          message: 'Invalid URL (GET /ready)',
          type: 'invalid_request_error',
          param: null,
          code: null,
        },
      },
    ]);
  });
});

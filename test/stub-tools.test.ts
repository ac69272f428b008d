import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import type { StubOptions } from '../src/engine/stub/stub-server.js';
import { ask, askStream, normalize, startStub } from './stub-support.js';

const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: {
        city: { type: 'string', minLength: 100 },
        days: { type: 'integer', minimum: 1, maximum: 7 },
        unit: { enum: ['C', 'F'] },
      },
      required: ['city', 'days'],
      additionalProperties: false,
    },
  },
};
const TIME = {
  type: 'function',
  function: { name: 'get_time', parameters: { type: 'object', properties: { zone: { enum: ['KST'] } } } },
};
const TOOLS = [WEATHER, TIME];
const GET_TIME = { type: 'function', function: { name: 'get_time' } };

interface Message {
  content: string | null;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
}

/** What the reply to a chat request says, and how it ends. */
async function reply(
  body: object,
  options: Partial<StubOptions> = {},
): Promise<{ message: Message; finish_reason: string }> {
  const { text } = await ask(await startStub(options), { tools: TOOLS, ...body });
  const { choices } = JSON.parse(text) as { choices: [{ message: Message; finish_reason: string }] };
  return choices[0];
}

/** Makes calls comparable: their ids become a constant. */
function anonymous(text: string): string {
  return normalize(text).replaceAll(/call_[0-9a-f]{24}/g, 'CALL');
}

describe('a tool call', () => {
  it('is made by the first tool where one is required, with arguments that fit', async () => {
    const { message, finish_reason } = await reply({ tool_choice: 'required' });
    expect(finish_reason).toBe('tool_calls');
    const call = message.tool_calls?.[0]?.function;
    expect(call?.name).toBe('get_weather');
    const accepts = new Ajv().compile(WEATHER.function.parameters);
    expect(accepts(JSON.parse(call?.arguments ?? ''))).toBe(true);
  });

  it("comes in SGLang's shape", async () => {
    const { text } = await ask(await startStub(), { tools: TOOLS, tool_choice: GET_TIME });
    expect(anonymous(text)).toContain(
      '"message":{"role":"assistant","content":"","reasoning_content":null,"tool_calls":[{"id":"CALL","index":0,' +
        '"type":"function","function":{"name":"get_time","arguments":"{\\"zone\\": \\"KST\\"}"}}]},' +
        '"logprobs":null,"finish_reason":"tool_calls","matched_stop":null}',
    );
  });

  it.each([['none'], ['auto'], [undefined]])('is not made where tool_choice is %p', async (tool_choice) => {
    const { message, finish_reason } = await reply({ tool_choice });
    expect(message.content).toContain('Hello');
    expect(message.tool_calls).toBeUndefined();
    expect(finish_reason).toBe('stop');
  });

  it('is made where the user asks for a tool by its name', async () => {
    const messages = [{ role: 'user', content: 'Please use get_time now' }];
    expect((await reply({ messages })).message.tool_calls).toMatchObject([
      { function: { name: 'get_time' } },
    ]);
    expect((await reply({ messages, tool_choice: 'none' })).message.tool_calls).toBeUndefined();
  });

  it('is not made again once its result is there', async () => {
    const { message } = await reply({
      messages: [
        { role: 'user', content: 'Please use get_time now' },
        { role: 'assistant', content: null, tool_calls: [{ id: 'c1', ...GET_TIME }] },
        { role: 'tool', tool_call_id: 'c1', content: '12:00' },
      ],
    });
    expect(message.tool_calls).toBeUndefined();
    expect(message.content).toMatch(/./);
  });

  it('gives way to a schema that the reply has to follow', async () => {
    const messages = [{ role: 'user', content: 'Please use get_time now' }];
    const { message } = await reply({ messages, response_format: { type: 'json_object' } });
    expect(message.content).toBe('{}');
    const text = await reply({ messages, response_format: { type: 'text' } });
    expect(text.message.tool_calls).toHaveLength(1);
  });

  it('is any object where the function has no parameters', async () => {
    const tools = [{ type: 'function', function: { name: 'ping' } }];
    const { message } = await reply({ tools, tool_choice: 'required' });
    expect(message.tool_calls?.[0]?.function.arguments).toBe('{}');
  });

  it('is made by every choice, under different ids', async () => {
    const { text } = await ask(await startStub(), { tools: TOOLS, tool_choice: GET_TIME, n: 2 });
    expect(new Set(text.match(/call_[0-9a-f]{24}/g)).size).toBe(2);
  });

  it('can be scripted with any arguments, and more than once in a message', async () => {
    const stub = await startStub();
    const toolCalls = [
      { name: 'one', arguments: '{"half":' },
      { name: 'two', arguments: '{}' },
    ];
    stub.script({ kind: 'reply', content: 'Let me see.', toolCalls });
    const { text } = await ask(stub);
    expect(JSON.parse(text)).toMatchObject({
      choices: [
        {
          message: {
            content: 'Let me see.',
            tool_calls: [
              { index: 0, function: toolCalls[0] },
              { index: 1, function: toolCalls[1] },
            ],
          },
          finish_reason: 'tool_calls',
        },
      ],
    });
  });

  it('is cut by max_tokens', async () => {
    const { message, finish_reason } = await reply({ tool_choice: GET_TIME, max_tokens: 2 });
    expect(message.tool_calls).toMatchObject([{ function: { arguments: '{"zo' } }]);
    expect(finish_reason).toBe('length');
  });
});

describe('a streamed tool call', () => {
  const head = '{"id":"ID","object":"chat.completion.chunk","created":0,"model":"qwen-stub"';
  const piece = (call: string) =>
    `${head},"choices":[{"index":0,"delta":{"role":null,"content":null,"reasoning_content":null,"tool_calls":[${call}]},` +
    '"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}';

  it('has its name first and its arguments in pieces, as SGLang has it', async () => {
    const events = await askStream(await startStub(), { tools: TOOLS, tool_choice: GET_TIME });
    const rest = (text: string) =>
      piece(
        `{"id":null,"index":0,"type":"function","function":{"name":null,"arguments":${JSON.stringify(text)}}}`,
      );
    expect(events.slice(1).map(anonymous)).toEqual([
      piece('{"id":"CALL","index":0,"type":"function","function":{"name":"get_time","arguments":""}}'),
      rest('{"zo'),
      rest('ne":'),
      rest(' "KS'),
      rest('T"}'),
      `${head},"choices":[{"index":0,"delta":{"reasoning_content":null},"logprobs":null,"finish_reason":"tool_calls","matched_stop":151645}]}`,
      '[DONE]',
    ]);
  });

  it('tells the usage with every piece when asked', async () => {
    const events = await askStream(await startStub(), {
      tools: TOOLS,
      tool_choice: GET_TIME,
      stream_options: { continuous_usage_stats: true },
    });
    expect(events[1]).toContain('"completion_tokens":1');
    expect(events[5]).toContain('"completion_tokens":5');
  });
});

describe('the refusal of tools', () => {
  it.each([
    [{ tool_choice: 'required', tools: [] }, 'Tools cannot be empty if tool choice is set to required.'],
    [{ tool_choice: GET_TIME, tools: [] }, 'Tools cannot be empty if tool choice is set to a specific tool.'],
    [{ tool_choice: GET_TIME, tools: [WEATHER] }, "Tool 'get_time' not found in tools list."],
    [
      { tool_choice: 'required', response_format: { type: 'json_object' } },
      expect.stringMatching(
        /^tool_choice 'required' or a named tool cannot be combined with response_format/,
      ),
    ],
    [{ tool_choice: 'banana' }, expect.stringContaining("'loc': ('body', 'tool_choice')")],
    [{ tools: 'x' }, expect.stringContaining("'loc': ('body', 'tools')")],
    [
      { tools: [WEATHER, { type: 'function', function: {} }] },
      expect.stringContaining("'loc': ('body', 'tools', 1, 'function', 'name')"),
    ],
  ])('is in the words of SGLang: %j', async (body, message) => {
    const { status, text } = await ask(await startStub(), { tools: TOOLS, ...body });
    expect([status, JSON.parse(text)]).toMatchObject([400, { message }]);
  });
});

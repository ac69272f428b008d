import { describe, expect, it } from '@jest/globals';
import { type FieldError, ServiceError } from '../src/common/errors.js';
import { chatRequestSchema, readChatRequest } from '../src/openai/chat-request.js';
import { completionRequestSchema, readCompletionRequest } from '../src/openai/completion-request.js';
import { embeddingRequestSchema, readEmbeddingRequest } from '../src/openai/embedding-request.js';

const HELLO = { role: 'user', content: 'Hello!' };
const CHAT = { messages: [HELLO] };
const TOOL = { type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } };
const CALL = { id: 'call-1', type: 'function', function: { name: 'look_up', arguments: '{}' } };

const LABEL = 'must be text of 1 to 200 characters without control characters';
const PROSE = 'must be text that is not blank and well-formed Unicode';

describe('a chat request', () => {
  it('is built anew with every field that an engine may get', () => {
    const body = {
      model: 'Qwen/Qwen3-32B',
      messages: [HELLO],
      user: 'u-1',
      temperature: 0,
      top_p: 1,
      n: 8,
      stop: ['END', '\n\n'],
      seed: -7,
      max_tokens: 131_072,
      max_completion_tokens: 131_072,
      presence_penalty: -2,
      frequency_penalty: 2,
      logit_bias: { '0': -100, '151643': 100 },
      logprobs: true,
      top_logprobs: 20,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'a', schema: {}, strict: true, description: 'b' },
      },
      tools: [TOOL],
      tool_choice: { type: 'function', function: { name: 'look_up' } },
      parallel_tool_calls: false,
      reasoning_effort: 'none',
      stream: false,
      top_k: 20,
      min_p: 0.5,
      repetition_penalty: 2,
      min_tokens: 0,
      stop_token_ids: [0, 151645],
      ignore_eos: false,
      skip_special_tokens: true,
      chat_template_kwargs: { enable_thinking: false, budget: 3, style: 'short' },
      thinking_token_budget: 0,
      separate_reasoning: true,
      stream_reasoning: true,
      include_reasoning: true,
      no_stop_trim: true,
      bad_words: ['damn'],
    };

    expect(readChatRequest(body)).toEqual(body);
  });

  it('may be streamed with its usage', () => {
    const body = {
      ...CHAT,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: false },
    };

    expect(readChatRequest(body)).toEqual(body);
  });

  it('loses what is taken and not sent', () => {
    const taken = {
      metadata: { job: 'j-1' },
      store: false,
      service_tier: 'auto',
      prompt_cache_key: 'interview',
      safety_identifier: 'u-1',
      verbosity: 'low',
      modalities: ['text'],
    };

    expect(readChatRequest({ ...CHAT, ...taken })).toEqual(CHAT);
  });

  it('loses fields that are null, in objects inside it too', () => {
    const body = {
      messages: [{ ...HELLO, name: null }],
      model: null,
      stop: null,
      rid: null,
      functions: null,
      stream: true,
      stream_options: { include_usage: true, continuous_usage_stats: null },
    };

    expect(readChatRequest(body)).toEqual({ ...CHAT, stream: true, stream_options: { include_usage: true } });
  });

  it('keeps every null of a schema', () => {
    const schema = { enum: ['a', null], default: null };
    const response_format = { type: 'json_schema', json_schema: { name: 'a', schema } };
    const tools = [{ type: 'function', function: { name: 'a', parameters: { properties: { a: schema } } } }];

    const request = readChatRequest({ ...CHAT, response_format, tools });

    expect(request).toEqual({ ...CHAT, response_format, tools });
  });

  it('turns top_k off by one number for all engines', () => {
    expect(readChatRequest({ ...CHAT, top_k: 0 })).toEqual({ ...CHAT, top_k: -1 });
  });

  it.each(['auto', 'none'])('has no tools where the list is empty, and then no tool_choice %s', (choice) => {
    expect(readChatRequest({ ...CHAT, tools: [], tool_choice: choice })).toEqual(CHAT);
  });

  /** Field, value, sentence, and the path where it is not the field's own. */
  const REFUSED: readonly [string, unknown, string, string?][] = [
    ['', {}, 'messages is missing', '/messages'],
    ['', undefined, 'the body must be an object', ''],
    ['messages', [], 'messages must not be empty'],
    ['messages', Array(257).fill(HELLO), 'messages must have at most 256 items'],
    ['messages', 'Hello!', 'messages must be an array'],
    ['model', '', `model ${LABEL}`],
    ['model', 'a\nb', `model ${LABEL}`],
    ['model', 'x'.repeat(201), `model ${LABEL}`],
    ['model', 3, 'model must be text'],
    [
      'model',
      'qwen3:32b',
      'model must not have a colon: engines read an adapter’s name behind it; ask for a served model',
    ],
    ['user', '', `user ${LABEL}`],
    ['temperature', -0.1, 'temperature must not be less than 0'],
    ['temperature', 2.1, 'temperature must not be greater than 2'],
    ['temperature', '1', 'temperature must be a number'],
    ['temperature', Number.parseFloat('1e999'), 'temperature must be a number'],
    ['top_p', 0, 'top_p must be greater than 0'],
    ['top_p', 1.1, 'top_p must not be greater than 1'],
    ['n', 0, 'n must not be less than 1'],
    ['n', 9, 'n must not be greater than 8'],
    ['n', 1.5, 'n must be an integer'],
    ['stop', '', 'stop must not be empty'],
    ['stop', 'x'.repeat(257), 'stop must have at most 256 characters'],
    ['stop', ['a', 'b', 'c', 'd', 'e'], 'stop must have at most 4 items'],
    ['stop', ['a', ''], 'must not be empty', '/stop/1'],
    ['stop', ['a', 1], 'must be text', '/stop/1'],
    ['stop', 7, 'stop must be text or an array'],
    ['seed', 0.5, 'seed must be an integer'],
    ['seed', 2 ** 53, 'seed must not be greater than 9007199254740991'],
    ['max_tokens', 0, 'max_tokens must not be less than 1'],
    ['max_tokens', 131_073, 'max_tokens must not be greater than 131072'],
    ['max_completion_tokens', 0, 'max_completion_tokens must not be less than 1'],
    ['max_completion_tokens', 131_073, 'max_completion_tokens must not be greater than 131072'],
    ['presence_penalty', -2.1, 'presence_penalty must not be less than -2'],
    ['frequency_penalty', 2.1, 'frequency_penalty must not be greater than 2'],
    ['logit_bias', { a: 1 }, 'logit_bias must have ids of tokens as its keys'],
    ['logit_bias', { '01': 1 }, 'logit_bias must have ids of tokens as its keys'],
    ['logit_bias', { '10000000': 1 }, 'logit_bias must have ids of tokens as its keys'],
    ['logit_bias', { '5': 101 }, 'must not be greater than 100', '/logit_bias/5'],
    ['logit_bias', { '5': -101 }, 'must not be less than -100', '/logit_bias/5'],
    ['logit_bias', numbered(301), 'logit_bias must have at most 300 entries'],
    ['logit_bias', [], 'logit_bias must be an object'],
    ['logprobs', 1, 'logprobs must be true or false'],
    ['top_logprobs', 21, 'top_logprobs must not be greater than 20'],
    ['top_logprobs', 1, 'top_logprobs needs logprobs to be true'],
    ['response_format', 'json', 'response_format must be an object'],
    ['response_format', { type: 'json_schema' }, 'json_schema is missing', '/response_format/json_schema'],
    [
      'response_format',
      { type: 'json_object', schema: {} },
      'schema is not a field here',
      '/response_format/schema',
    ],
    [
      'response_format',
      { type: 'json_schema', json_schema: { schema: {} } },
      'name is missing',
      '/response_format/json_schema/name',
    ],
    [
      'response_format',
      { type: 'json_schema', json_schema: { name: 'a b', schema: {} } },
      'name must be 1 to 64 of the characters a-z, A-Z, 0-9, _ and -',
      '/response_format/json_schema/name',
    ],
    [
      'response_format',
      { type: 'json_schema', json_schema: { name: 'a', schema: '{}' } },
      'schema must be an object',
      '/response_format/json_schema/schema',
    ],
    [
      'response_format',
      { type: 'json_schema', json_schema: { name: 'a', schema: {}, strict: 'yes' } },
      'strict must be true or false',
      '/response_format/json_schema/strict',
    ],
    ['tools', Array(65).fill(TOOL), 'tools must have at most 64 items'],
    ['tools', [{ type: 'function' }], 'function is missing', '/tools/0/function'],
    [
      'tools',
      [{ type: 'web_search', function: { name: 'a' } }],
      'type must be one of function',
      '/tools/0/type',
    ],
    [
      'tools',
      [{ type: 'function', function: { name: 'a.b' } }],
      'name must be 1 to 64 of the characters a-z, A-Z, 0-9, _ and -',
      '/tools/0/function/name',
    ],
    [
      'tools',
      [{ type: 'function', function: { name: 'a', parameters: [] } }],
      'parameters must be an object',
      '/tools/0/function/parameters',
    ],
    ['tool_choice', 'any', 'tool_choice must be one of none, auto, required'],
    ['tool_choice', 3, 'tool_choice must be text or an object'],
    ['tool_choice', 'required', 'tool_choice needs tools'],
    ['tool_choice', { type: 'function', function: { name: 'a' } }, 'tool_choice needs tools'],
    ['tool_choice', { type: 'function', function: {} }, 'name is missing', '/tool_choice/function/name'],
    ['stream', 'true', 'stream must be true or false'],
    ['stream_options', { include_usage: true }, 'stream_options needs stream to be true'],
    ['stream_options', { usage: true }, 'usage is not a field here', '/stream_options/usage'],
    ['reasoning_effort', 'ultra', 'reasoning_effort must be one of none, minimal, low, medium, high'],
    ['metadata', { a: 1 }, 'a must be text', '/metadata/a'],
    ['metadata', numbered(17, 'x'), 'metadata must have at most 16 entries'],
    ['store', true, 'store must be false: replies are not stored for callers'],
    ['service_tier', 3, 'service_tier must be text'],
    ['modalities', ['text', 'audio'], 'modalities must be ["text"]: the model neither speaks nor draws'],
    ['modalities', ['audio'], 'modalities must be ["text"]: the model neither speaks nor draws'],
    ['top_k', -2, 'top_k must not be less than -1'],
    ['top_k', 1_000_001, 'top_k must not be greater than 1000000'],
    ['min_p', 1.1, 'min_p must not be greater than 1'],
    ['repetition_penalty', 0, 'repetition_penalty must be greater than 0'],
    ['repetition_penalty', 2.1, 'repetition_penalty must not be greater than 2'],
    ['min_tokens', -1, 'min_tokens must not be less than 0'],
    ['stop_token_ids', Array(17).fill(1), 'stop_token_ids must have at most 16 items'],
    ['stop_token_ids', [-1], 'must not be less than 0', '/stop_token_ids/0'],
    ['bad_words', Array(33).fill('x'), 'bad_words must have at most 32 items'],
    ['bad_words', [''], 'must not be empty', '/bad_words/0'],
    ['thinking_token_budget', -1, 'thinking_token_budget must not be less than 0'],
    [
      'chat_template_kwargs',
      { enable_thinking: [] },
      'enable_thinking must be true or false or a number or text',
      '/chat_template_kwargs/enable_thinking',
    ],
    ['chat_template_kwargs', numbered(17, true, 'v'), 'chat_template_kwargs must have at most 16 entries'],
    [
      'chat_template_kwargs',
      { 'a b': 1 },
      'must be a variable of the model’s template, not a parameter of the engine',
      '/chat_template_kwargs/a b',
    ],
    [
      'chat_template_kwargs',
      { chat_template: '{{ 1 }}' },
      'must be a variable of the model’s template, not a parameter of the engine',
      '/chat_template_kwargs/chat_template',
    ],
    [
      'chat_template_kwargs',
      { tokenize: true },
      'must be a variable of the model’s template, not a parameter of the engine',
      '/chat_template_kwargs/tokenize',
    ],
  ];

  it.each(REFUSED.map(([field, value, message, path = `/${field}`]) => ({ field, value, message, path })))(
    'is refused: $path, $message',
    ({ field, value, message, path }) => {
      const body = field === '' ? value : { ...CHAT, [field]: value };

      expect(errorsOf(readChatRequest, body)).toEqual([{ path, message }]);
    },
  );

  it.each([
    [{ n: 2, stream: true }, '/n', 'n must be 1 where stream is true: ask several times at once instead'],
    [
      { min_tokens: 5, max_tokens: 4 },
      '/min_tokens',
      'min_tokens must not be greater than the tokens that are allowed',
    ],
    [
      { min_tokens: 5, max_tokens: 9, max_completion_tokens: 4 },
      '/min_tokens',
      'min_tokens must not be greater than the tokens that are allowed',
    ],
    [
      { ignore_eos: true, response_format: { type: 'json_object' } },
      '/ignore_eos',
      'ignore_eos must be false with this response_format: text would follow the JSON',
    ],
    [{ tools: [], tool_choice: 'required' }, '/tool_choice', 'tool_choice needs tools'],
    [
      { tools: [TOOL], tool_choice: { type: 'function', function: { name: 'other' } } },
      '/tool_choice/function/name',
      'name must be that of one of tools',
    ],
  ])('is refused where fields do not go together: %j', (fields, path, message) => {
    expect(errorsOf(readChatRequest, { ...CHAT, ...fields })).toEqual([{ path, message }]);
  });

  it.each([
    [{ n: 2, stream: false }],
    [{ ignore_eos: true, response_format: { type: 'text' } }],
    [{ tools: [TOOL], tool_choice: 'required' }],
  ])('is taken where fields go together: %j', (fields) => {
    expect(readChatRequest({ ...CHAT, ...fields })).toEqual({ ...CHAT, ...fields });
  });

  it.each([
    [
      'rid',
      'the service sets it; name the request in the header X-Request-Id, by which it is also cancelled',
    ],
    ['request_id', 'the service sets it; name the request in the header X-Request-Id'],
    ['priority', 'the service itself decides which call goes first'],
    ['custom_logit_processor', 'it is code that the engine would run'],
    ['custom_params', 'for thinking there is thinking_token_budget'],
    ['lora_path', 'ask for a served one by its name in model'],
    ['regex', 'use response_format with a json_schema'],
    ['ebnf', 'use response_format with a json_schema'],
    ['json_schema', 'put it into response_format'],
    ['structural_tag', 'use response_format with a json_schema'],
    ['stop_regex', 'use stop'],
    ['structured_outputs', 'engines ignore it without a word; use response_format'],
    ['guided_json', 'engines ignore it without a word; use response_format'],
    ['guided_regex', 'engines ignore it without a word'],
    ['guided_choice', 'engines ignore it without a word'],
    ['guided_grammar', 'engines ignore it without a word'],
    ['guided_decoding_backend', 'engines ignore it without a word'],
    ['functions', 'OpenAI has deprecated it; use tools'],
    ['function_call', 'OpenAI has deprecated it; use tool_choice'],
    ['audio', 'the engines do not offer it; leave it out'],
    ['prediction', 'the engines do not offer it'],
    ['web_search_options', 'the engines do not offer it'],
    ['use_beam_search', 'the engines do not offer it'],
    ['cache_salt', 'the service keeps the engine’s cache'],
    ['extra_key', 'the service keeps the engine’s cache'],
    ['session_id', 'send the whole conversation'],
    ['session_params', 'send the whole conversation'],
    ['bootstrap_host', 'the way inside the engine is the operator’s'],
    ['bootstrap_port', 'the way inside the engine is the operator’s'],
    ['bootstrap_room', 'the way inside the engine is the operator’s'],
    ['data_parallel_rank', 'the way inside the engine is the operator’s'],
    ['routed_dp_rank', 'the way inside the engine is the operator’s'],
    ['disagg_prefill_dp_rank', 'the way inside the engine is the operator’s'],
    ['kv_transfer_params', 'the way inside the engine is the operator’s'],
    ['return_hidden_states', 'the inner states of the model are not given out'],
    ['input_ids', 'text is taken, not tokens or vectors'],
    ['input_embeds', 'text is taken, not tokens or vectors'],
    ['prompt_token_ids', 'text is taken, not tokens or vectors'],
    ['prompt_embeds', 'text is taken, not tokens or vectors'],
    ['chat_template', 'a template is code that the engine would run'],
    ['extra_body', 'put its fields beside model'],
  ])('is refused with %s, and told what to do instead', (field, reason) => {
    const [error, ...others] = errorsOf(readChatRequest, { ...CHAT, [field]: 1 });

    expect(others).toEqual([]);
    expect(error?.path).toBe(`/${field}`);
    expect(error?.message).toMatch(new RegExp(`^${field} is not taken: .`));
    expect(error?.message).toContain(reason);
  });

  it.each([
    ['maxTokens', 'max_tokens'],
    ['max-tokens', 'max_tokens'],
    ['temprature', 'temperature'],
    ['top_pp', 'top_p'],
    ['mesages', 'messages'],
    ['tool', 'tools'],
  ])('is told of %s that %s was probably meant', (field, meant) => {
    expect(errorsOf(readChatRequest, { ...CHAT, [field]: 1 })).toEqual([
      { path: `/${field}`, message: `${field} is not a field of this route; did you mean ${meant}?` },
    ]);
  });

  it.each(['foo', 'k', 'loudness', 'x'.repeat(40)])('is told of %s that there is no such field', (field) => {
    expect(errorsOf(readChatRequest, { ...CHAT, [field]: 1 })).toEqual([
      { path: `/${field}`, message: `${field} is not a field of this route` },
    ]);
  });

  it('is told of the field that was meant in objects inside it too', () => {
    expect(errorsOf(readChatRequest, { messages: [{ role: 'user', contents: 'x' }] })).toEqual([
      { path: '/messages/0/content', message: 'content is missing' },
      { path: '/messages/0/contents', message: 'contents is not a field here; did you mean content?' },
    ]);
  });

  it('is told of all that is wrong at once, each value once', () => {
    const body = { messages: [{ role: 'user', content: 7 }], temperature: 3, rid: 'x', stop: [1, ''] };

    expect(errorsOf(readChatRequest, body).map(({ path }) => path)).toEqual([
      '/rid',
      '/temperature',
      '/stop/0',
      '/stop/1',
      '/messages/0/content',
    ]);
  });

  it('is told of fifty wrong fields at the most', () => {
    const unknown = Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`k${at}`, 0]));
    const error = failureOf(readChatRequest, { ...CHAT, ...unknown });

    expect(error.extras.errors).toHaveLength(50);
    expect(error.message).toBe('Wrong in this request: /k0, /k1, /k2, /k3, /k4 and 75 more.');
  });

  it('is refused by its rules only where its shape is right', () => {
    expect(errorsOf(readChatRequest, { ...CHAT, model: 'a:b', n: 9 })).toEqual([
      { path: '/n', message: 'n must not be greater than 8' },
    ]);
  });

  it.each([
    ['user', 'half a \ud83d character'],
    ['stop', ['a\0']],
    ['chat_template_kwargs', { style: '\udc00' }],
  ])('is refused with an unsound text in %s', (field, value) => {
    expect(errorsOf(readChatRequest, { ...CHAT, [field]: value })).toContainEqual({
      path: expect.stringMatching(`^/${field}`),
      message: expect.stringContaining('must be well-formed Unicode without NUL characters'),
    });
  });

  it('describes each of its fields', () => {
    for (const schema of [chatRequestSchema, completionRequestSchema, embeddingRequestSchema]) {
      for (const [name, field] of Object.entries(schema.properties)) {
        expect([name, (field as { description?: string }).description]).toEqual([
          name,
          expect.stringMatching(/\.$/),
        ]);
      }
    }
  });
});

describe('a message', () => {
  it.each<[string, object, object]>([
    [
      'system',
      { role: 'system', content: 'Be brief.', name: 'ops' },
      { role: 'system', content: 'Be brief.', name: 'ops' },
    ],
    [
      'developer, which is system',
      { role: 'developer', content: 'Be brief.' },
      { role: 'system', content: 'Be brief.' },
    ],
    ['user', HELLO, HELLO],
    [
      'user, in parts',
      {
        role: 'user',
        content: [
          { type: 'text', text: 'One' },
          { type: 'text', text: 'Two' },
        ],
      },
      { role: 'user', content: 'One\nTwo' },
    ],
    ['assistant', { role: 'assistant', content: 'Hi.' }, { role: 'assistant', content: 'Hi.' }],
    ['assistant, saying nothing', { role: 'assistant', content: '' }, { role: 'assistant', content: '' }],
    ['assistant, cut off', { role: 'assistant', content: null }, { role: 'assistant', content: '' }],
    ['assistant, refusing', { role: 'assistant', refusal: 'No.' }, { role: 'assistant', content: '' }],
    ['assistant, calling nothing', { role: 'assistant', tool_calls: [] }, { role: 'assistant', content: '' }],
    [
      'assistant, calling a function',
      { role: 'assistant', content: null, tool_calls: [CALL] },
      { role: 'assistant', tool_calls: [CALL] },
    ],
    [
      'tool',
      { role: 'tool', content: '', tool_call_id: 'call-1' },
      { role: 'tool', content: '', tool_call_id: 'call-1' },
    ],
  ])('is taken from %s', (_, message, taken) => {
    expect(readChatRequest({ messages: [message] }).messages).toEqual([taken]);
  });

  it('may be a reply of SGLang, vLLM or OpenAI as it came', () => {
    const reply = {
      role: 'assistant',
      content: 'Hi.',
      refusal: null,
      annotations: [],
      audio: null,
      function_call: null,
      tool_calls: [{ ...CALL, index: 0 }],
      reasoning: 'Hm.',
      reasoning_content: 'Hm.',
    };

    expect(readChatRequest({ messages: [reply, { ...reply, tool_calls: [] }] }).messages).toEqual([
      { role: 'assistant', content: 'Hi.', tool_calls: [CALL] },
      { role: 'assistant', content: 'Hi.' },
    ]);
  });

  const address = 'the engine would fetch the address of anything else';

  it.each(
    reasons([
      ['Hello!', '', 'must be an object'],
      [{ content: 'x' }, '/role', 'role must be one of system, developer, user, assistant, tool'],
      [
        { role: 'function', content: 'x' },
        '/role',
        'role must be one of system, developer, user, assistant, tool',
      ],
      [{ role: 'user' }, '/content', 'content is missing'],
      [{ role: 'user', content: null }, '/content', 'content is missing'],
      [{ role: 'user', content: ' \n' }, '/content', `content ${PROSE}`],
      [{ role: 'system', content: '' }, '/content', `content ${PROSE}`],
      [{ role: 'user', content: [{ type: 'text', text: ' ' }] }, '/content', `content ${PROSE}`],
      [{ role: 'user', content: [] }, '/content', 'content must not be empty'],
      [
        { role: 'user', content: Array(65).fill({ type: 'text', text: 'x' }) },
        '/content',
        'content must have at most 64 items',
      ],
      [{ role: 'user', content: ['x'] }, '/content/0', 'must be an object'],
      [{ role: 'user', content: [{ type: 'text' }] }, '/content/0/text', 'text is missing'],
      [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://10.0.0.1' } }] },
        '/content/0/type',
        address,
      ],
      [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }, '/content/0/type', address],
      [{ role: 'user', content: [{ type: 'file', file: {} }] }, '/content/0/type', address],
      [{ role: 'user', content: [{ type: 'video_url' }] }, '/content/0/type', address],
      [{ role: 'user', content: 'x', name: '' }, '/name', `name ${LABEL}`],
      [{ role: 'user', content: 'x', tool_calls: [CALL] }, '/tool_calls', 'tool_calls is not a field here'],
      [
        { role: 'user', content: 'a\0b' },
        '/content',
        'content must be well-formed Unicode without NUL characters',
      ],
      [
        { role: 'user', content: 'half a \ud83d character' },
        '/content',
        'content must be well-formed Unicode',
      ],
      [
        { role: 'assistant', tool_calls: Array(65).fill(CALL) },
        '/tool_calls',
        'tool_calls must have at most 64 items',
      ],
      [{ role: 'assistant', tool_calls: [{ ...CALL, id: '' }] }, '/tool_calls/0/id', `id ${LABEL}`],
      [
        { role: 'assistant', tool_calls: [{ ...CALL, function: { name: 'a', arguments: {} } }] },
        '/tool_calls/0/function/arguments',
        'arguments must be text',
      ],
      [{ role: 'tool', content: 'x' }, '/tool_call_id', 'tool_call_id is missing'],
    ]),
  )('is refused: $path, $message', ({ value, path, message }) => {
    expect(errorsOf(readChatRequest, { messages: [value] })).toEqual([
      { path: `/messages/0${path}`, message: expect.stringContaining(message) },
    ]);
  });

  it('names itself by its place in the conversation', () => {
    const messages = [HELLO, { role: 'tool' }, HELLO];

    expect(errorsOf(readChatRequest, { messages })[0]?.path).toBe('/messages/1/content');
  });
});

describe('a completion request', () => {
  it('is built anew with every field that an engine may get', () => {
    const body = {
      model: 'Qwen/Qwen3-32B',
      prompt: ['Once', 'Twice'],
      max_tokens: 5,
      temperature: 1,
      top_p: 0.5,
      n: 2,
      stop: 'END',
      seed: 1,
      echo: true,
      logprobs: 5,
      presence_penalty: 0,
      frequency_penalty: 0,
      logit_bias: { '5': 1 },
      user: 'u-1',
      top_k: 5,
      min_p: 0,
      repetition_penalty: 1,
      min_tokens: 1,
      stop_token_ids: [1],
      ignore_eos: true,
      skip_special_tokens: false,
    };

    expect(readCompletionRequest(body)).toEqual(body);
  });

  it('turns top_k off by one number for all engines', () => {
    expect(readCompletionRequest({ prompt: 'Once', top_k: 0, n: null })).toEqual({
      prompt: 'Once',
      top_k: -1,
    });
  });

  const tokens = 'prompt must be text: token ids are not taken, because nobody could check what they say';

  it.each(
    reasons([
      [{}, '/prompt', 'prompt is missing'],
      [{ prompt: '' }, '/prompt', 'prompt must not be empty'],
      [{ prompt: [] }, '/prompt', 'prompt must not be empty'],
      [{ prompt: ['a', ''] }, '/prompt/1', 'must not be empty'],
      [{ prompt: Array(33).fill('a') }, '/prompt', 'prompt must have at most 32 items'],
      [{ prompt: [1, 2, 3] }, '/prompt', tokens],
      [{ prompt: [[1, 2], [3]] }, '/prompt', tokens],
      [{ prompt: 5 }, '/prompt', 'prompt must be text or an array'],
      [{ prompt: 'a', logprobs: 6 }, '/logprobs', 'logprobs must not be greater than 5'],
      [{ prompt: 'a', logprobs: true }, '/logprobs', 'logprobs must be an integer'],
      [{ prompt: 'a', echo: 1 }, '/echo', 'echo must be true or false'],
      [
        { prompt: 'a', suffix: 'b' },
        '/suffix',
        'suffix is not taken: engines ignore it without a word; put what follows into the prompt',
      ],
      [
        { prompt: 'a', best_of: 2 },
        '/best_of',
        'best_of is not taken: engines ignore it without a word; ask for n replies and choose among them',
      ],
      [
        { prompt: 'a', regex: 'b' },
        '/regex',
        'regex is not taken: grammars of callers can hold up the engine; use response_format with a json_schema',
      ],
      [{ prompt: 'a', messages: [HELLO] }, '/messages', 'messages is not a field of this route'],
      [
        { prompt: 'a', chat_template_kwargs: {} },
        '/chat_template_kwargs',
        'chat_template_kwargs is not a field of this route',
      ],
      [
        { prompt: 'a', n: 2, stream: true },
        '/n',
        'n must be 1 where stream is true: ask several times at once instead',
      ],
      [{ prompt: Array(5).fill('a'), n: 7 }, '/n', 'n times the prompts must not be greater than 32'],
      [
        { prompt: 'a', model: 'base:adapter' },
        '/model',
        'model must not have a colon: engines read an adapter’s name behind it; ask for a served model',
      ],
      [{ prompt: 'a\0' }, '/prompt', 'prompt must be well-formed Unicode without NUL characters'],
    ]),
  )('is refused: $path, $message', ({ value, path, message }) => {
    expect(errorsOf(readCompletionRequest, value)).toEqual([{ path, message }]);
  });
});

describe('an embedding request', () => {
  it.each([
    ['one text', { input: 'Hello' }],
    [
      'every field',
      {
        input: ['Hello', ' '],
        model: 'BAAI/bge-m3',
        dimensions: 4096,
        encoding_format: 'base64',
        user: 'u-1',
      },
    ],
    ['2,048 texts', { input: Array(2048).fill('x') }],
  ])('is built anew: %s', (_, body) => {
    expect(readEmbeddingRequest({ ...body, priority: null })).toEqual(body);
  });

  const tokens = 'input must be text: token ids are not taken, because nobody could check what they say';

  it.each(
    reasons([
      [{}, '/input', 'input is missing'],
      [{ input: '' }, '/input', 'input must not be empty'],
      [{ input: [] }, '/input', 'input must not be empty'],
      [{ input: ['a', ''] }, '/input/1', 'must not be empty'],
      [{ input: Array(2049).fill('a') }, '/input', 'input must have at most 2048 items'],
      [{ input: [1, 2] }, '/input', tokens],
      [{ input: [[1, 2]] }, '/input', tokens],
      [{ input: ['a', 1] }, '/input', tokens],
      [{ input: { text: 'a' } }, '/input', 'input must be text or an array'],
      [{ input: 'a', dimensions: 0 }, '/dimensions', 'dimensions must not be less than 1'],
      [{ input: 'a', dimensions: 4097 }, '/dimensions', 'dimensions must not be greater than 4096'],
      [
        { input: 'a', encoding_format: 'hex' },
        '/encoding_format',
        'encoding_format must be one of float, base64',
      ],
      [{ input: 'a', temperature: 1 }, '/temperature', 'temperature is not a field of this route'],
      [
        { input: 'a', model: 'base:adapter' },
        '/model',
        'model must not have a colon: engines read an adapter’s name behind it; ask for a served model',
      ],
    ]),
  )('is refused: $path, $message', ({ value, path, message }) => {
    expect(errorsOf(readEmbeddingRequest, value)).toEqual([{ path, message }]);
  });
});

function errorsOf(read: (body: unknown) => unknown, body: unknown): readonly FieldError[] {
  return failureOf(read, body).extras.errors ?? [];
}

function failureOf(read: (body: unknown) => unknown, body: unknown): ServiceError {
  try {
    read(body);
  } catch (error) {
    expect(error).toBeInstanceOf(ServiceError);
    expect(error).toMatchObject({ code: 'VALIDATION_FAILED' });
    return error as ServiceError;
  }
  throw new Error('The request was taken');
}

/** Rows of a table: a wrong value, the path that is named and what is said. */
function reasons(
  rows: readonly (readonly [value: unknown, path: string, message: string])[],
): { value: unknown; path: string; message: string }[] {
  return rows.map(([value, path, message]) => ({ value, path, message }));
}

/** An object of so many entries. */
function numbered(entries: number, value: unknown = 1, prefix = ''): Record<string, unknown> {
  return Object.fromEntries(Array.from({ length: entries }, (_, at) => [`${prefix}${at}`, value]));
}

import Type, { type Static } from 'typebox';
import type { FieldError } from '../common/errors.js';
import { pointerTo } from '../schema/json-pointer.js';
import {
  messageErrors,
  messageSchema,
  partHint,
  type RequestMessage,
  toRequestMessage,
} from './message-request.js';
import {
  closed,
  engineFields,
  generationFields,
  jsonSchema,
  label,
  NAME,
  record,
  REFUSED_FIELDS,
  tagValue,
  tagged,
} from './request-fields.js';
import { requestReader } from './request-reader.js';
import { generationRules } from './request-rules.js';

const name = (description: string) => Type.String({ pattern: NAME, description });

const responseFormat = tagged(
  'type',
  [
    closed({ type: tagValue('text') }),
    closed({ type: tagValue('json_object') }, 'Any JSON object.'),
    closed(
      {
        type: tagValue('json_schema'),
        json_schema: closed({
          name: name('Name of the schema.'),
          description: Type.Optional(Type.String({ description: 'What it is for.' })),
          schema: jsonSchema('The JSON schema; at most 64 KiB, 16 levels and 1,000 schemas.'),
          strict: Type.Optional(
            Type.Boolean({ description: 'Engines enforce the schema whatever it says.' }),
          ),
        }),
      },
      'JSON that follows a schema.',
    ),
  ],
  'What the reply must be.',
);

const tool = closed(
  {
    type: tagValue('function'),
    function: closed({
      name: name('Its name.'),
      description: Type.Optional(Type.String({ description: 'What it does, for the model.' })),
      parameters: Type.Optional(jsonSchema('JSON schema of its arguments.')),
      strict: Type.Optional(Type.Boolean({ description: 'Whether arguments must follow the schema.' })),
    }),
  },
  'A function that the model may call.',
);

const toolChoice = Type.Union(
  [
    Type.Enum(['none', 'auto', 'required'], { type: 'string' }),
    closed({ type: tagValue('function'), function: closed({ name: name('Function to call.') }) }),
  ],
  { description: 'Whether functions are called, or which one. Only with tools.' },
);

/** Body of POST /v1/chat/completions. null means absent. */
export const chatRequestSchema = closed(
  {
    ...generationFields,
    messages: Type.Array(messageSchema, {
      minItems: 1,
      maxItems: 256,
      description: 'The conversation so far, 1 to 256 messages, oldest first.',
    }),
    max_completion_tokens: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 131_072, description: 'As max_tokens; counts before it.' }),
    ),
    logprobs: Type.Optional(Type.Boolean({ description: 'Whether the probability of each token is told.' })),
    top_logprobs: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 20,
        description: 'Likeliest tokens to tell at every place. Only with logprobs.',
      }),
    ),
    response_format: Type.Optional(responseFormat),
    tools: Type.Optional(
      Type.Array(tool, { maxItems: 64, description: 'Functions that the model may call, at most 64.' }),
    ),
    tool_choice: Type.Optional(toolChoice),
    parallel_tool_calls: Type.Optional(
      Type.Boolean({ description: 'Whether several may be called at once.' }),
    ),
    reasoning_effort: Type.Optional(
      Type.Enum(['none', 'minimal', 'low', 'medium', 'high'], {
        type: 'string',
        description: 'How much the model thinks.',
      }),
    ),
    metadata: Type.Optional(
      record<string>(
        { type: 'string', maxLength: 512 },
        { maxProperties: 16, description: 'Labels of yours, at most 16; not sent to the engine.' },
      ),
    ),
    store: Type.Optional(Type.Boolean({ description: 'Only false: replies are not stored for callers.' })),
    service_tier: Type.Optional(label('Taken and not sent to the engine.')),
    prompt_cache_key: Type.Optional(
      label('Taken and not sent to the engine, which finds its cache by the text.'),
    ),
    safety_identifier: Type.Optional(label('Taken and not sent to the engine.')),
    verbosity: Type.Optional(label('Taken and not sent to the engine.')),
    modalities: Type.Optional(
      Type.Array(Type.Enum(['text'], { type: 'string' }), {
        minItems: 1,
        maxItems: 1,
        description: 'Only text.',
      }),
    ),
    ...engineFields,
    chat_template_kwargs: Type.Optional(
      record<string | number | boolean>(
        { anyOf: [{ type: 'boolean' }, { type: 'number' }, { type: 'string', maxLength: 200 }] },
        {
          maxProperties: 16,
          description: 'Variables of the model’s template, for instance enable_thinking; at most 16.',
        },
      ),
    ),
    thinking_token_budget: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 131_072, description: 'Tokens that thinking may take (vLLM).' }),
    ),
    separate_reasoning: Type.Optional(
      Type.Boolean({ description: 'Whether thinking has a field of its own (SGLang).' }),
    ),
    stream_reasoning: Type.Optional(Type.Boolean({ description: 'Whether thinking is streamed (SGLang).' })),
    include_reasoning: Type.Optional(Type.Boolean({ description: 'Whether thinking is told (vLLM).' })),
    no_stop_trim: Type.Optional(
      Type.Boolean({ description: 'Whether the stop text stays in the reply (SGLang).' }),
    ),
    bad_words: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        maxItems: 32,
        description: 'Words that the reply does not have, at most 32 (vLLM).',
      }),
    ),
  },
  'A conversation to go on with. null means absent.',
);

type ChatBody = Static<typeof chatRequestSchema>;

/** Fields of OpenAI's own servers, which say nothing to an engine. */
const NOT_SENT = [
  'metadata',
  'store',
  'service_tier',
  'prompt_cache_key',
  'safety_identifier',
  'verbosity',
  'modalities',
] as const;

/** What a caller asks of /v1/chat/completions, checked: only what an engine may get. Its schemas are not admitted yet. */
export type ChatRequest = Omit<ChatBody, 'messages' | (typeof NOT_SENT)[number]> & {
  messages: RequestMessage[];
};

const read = requestReader({
  schema: chatRequestSchema,
  refused: REFUSED_FIELDS,
  hints: [
    partHint,
    {
      at: /^\/response_format\/type$/,
      words: 'must be text, json_object or json_schema: grammars of callers can hold up the engine',
    },
    {
      at: /^\/modalities(?:\/\d+)?$/,
      field: 'modalities',
      words: 'must be ["text"]: the model neither speaks nor draws',
    },
  ],
  rules: chatRules,
});

/**
 * Reads a parsed body.
 * @throws ServiceError VALIDATION_FAILED
 */
export function readChatRequest(body: unknown): ChatRequest {
  const { messages, tools = [], tool_choice: choice, ...rest } = read(body);
  for (const field of NOT_SENT) Reflect.deleteProperty(rest, field);
  return {
    ...rest,
    messages: messages.map(toRequestMessage),
    ...(rest.top_k === 0 && { top_k: -1 }),
    ...(tools.length > 0 && { tools, ...(choice !== undefined && { tool_choice: choice }) }),
  };
}

function chatRules(request: ChatBody): FieldError[] {
  const errors = generationRules(request);
  const tell = (field: string, words: string): void => {
    errors.push({ path: `/${field}`, message: `${field} ${words}` });
  };
  request.messages.forEach((message, index) => {
    errors.push(...messageErrors(message, pointerTo('/messages', index)));
  });
  if (request.store) tell('store', 'must be false: replies are not stored for callers');
  if (request.top_logprobs !== undefined && !request.logprobs)
    tell('top_logprobs', 'needs logprobs to be true');
  const format = request.response_format?.type ?? 'text';
  if (request.ignore_eos && format !== 'text') {
    tell('ignore_eos', 'must be false with this response_format: text would follow the JSON');
  }
  errors.push(...toolChoiceErrors(request), ...templateErrors(request.chat_template_kwargs));
  return errors;
}

function toolChoiceErrors({ tools = [], tool_choice: choice }: ChatBody): FieldError[] {
  const path = '/tool_choice';
  if (choice === undefined || choice === 'none' || choice === 'auto') return [];
  if (tools.length === 0) return [{ path, message: 'tool_choice needs tools' }];
  if (choice === 'required') return [];
  const isKnown = tools.some((one) => one.function.name === choice.function.name);
  return isKnown ? [] : [{ path: `${path}/function/name`, message: 'name must be that of one of tools' }];
}

/**
 * Parameters of the engines' template renderers, which variables of a template would override: `chat_template` runs
 * code in the engine's process and `tokenize` blocks it.
 */
const RENDERER_PARAMETERS: ReadonlySet<string> = new Set([
  'add_generation_prompt',
  'chat_template',
  'continue_final_message',
  'conversation',
  'documents',
  'max_length',
  'messages',
  'padding',
  'processor_kwargs',
  'return_assistant_tokens_mask',
  'return_dict',
  'return_tensors',
  'template_kwargs',
  'tokenize',
  'tokenizer_kwargs',
  'tools',
  'truncation',
]);

function templateErrors(variables: ChatBody['chat_template_kwargs'] = {}): FieldError[] {
  return Object.keys(variables)
    .filter((variable) => !/^[a-z_]\w{0,63}$/i.test(variable) || RENDERER_PARAMETERS.has(variable))
    .map((variable) => ({
      path: pointerTo('/chat_template_kwargs', variable),
      message: 'must be a variable of the model’s template, not a parameter of the engine',
    }));
}

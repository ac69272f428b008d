import Type, { type Static, type TObject, type TProperties, type TSchema } from 'typebox';

/** An id or label: 1 to 200 characters without control characters (`IsLabel` of the service's own routes). */
export const LABEL = '^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,200}$';

/** Name of a function or a schema, as OpenAI restricts it. */
export const NAME = '^[a-zA-Z0-9_-]{1,64}$';

/** Text that is not blank. */
export const PROSE = '\\S';

/** Number of a token, written as a key. */
export const TOKEN_ID = '^(?:0|[1-9]\\d{0,6})$';

/** Tokens that a reply may have. */
const MAX_TOKENS = 131_072;

/** An object that has no other fields than these. */
export function closed<P extends TProperties>(properties: P, description?: string): TObject<P> {
  return Type.Object(properties, { additionalProperties: false, ...(description && { description }) });
}

/** One of several objects, told apart by the field `tag`, of which each has its own values (an enum). */
export function tagged<T extends TSchema>(tag: string, members: readonly T[], description?: string) {
  return Type.Unsafe<Static<T>>({
    type: 'object',
    ...(description && { description }),
    discriminator: { propertyName: tag },
    oneOf: members,
  });
}

/** The values that a tag has in one of these objects. */
export function tagValue<const V extends string>(...values: readonly V[]) {
  return Type.Unsafe<V>({ type: 'string', enum: values });
}

/** An object whose keys are the caller's own. */
export function record<V>(value: object, options: object) {
  return Type.Unsafe<Record<string, V>>({ type: 'object', additionalProperties: value, ...options });
}

export const label = (description: string) => Type.String({ pattern: LABEL, description });

const flag = (description: string) => Type.Optional(Type.Boolean({ description }));

const between = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Number({ minimum, maximum, description }));

const whole = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }));

const text = (description: string) => Type.String({ minLength: 1, maxLength: 256, description });

/** Fields of every route. */
export const commonFields = {
  model: Type.Optional(
    label('Model to ask; the engine must serve it, and its name has no colon. Left out: the service’s own.'),
  ),
  user: Type.Optional(label('Your id of the user; in the log.')),
};

/** Fields of the routes whose reply is written by a model. */
export const generationFields = {
  ...commonFields,
  temperature: between(0, 2, 'Temperature, 0 to 2.'),
  top_p: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, maximum: 1, description: 'Nucleus sampling: over 0, at most 1.' }),
  ),
  n: whole(1, 8, 'Replies to one request; more than one only where nothing is streamed.'),
  stop: Type.Optional(
    Type.Union([text('One text.'), Type.Array(text('A text.'), { maxItems: 4 })], {
      description: 'Texts that end the reply where they occur: one, or up to 4.',
    }),
  ),
  seed: whole(
    Number.MIN_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
    'Seed for sampling, where the engine supports it.',
  ),
  max_tokens: whole(1, MAX_TOKENS, 'Tokens that the reply may have.'),
  presence_penalty: between(-2, 2, 'Penalty for what occurred before, -2 to 2.'),
  frequency_penalty: between(-2, 2, 'Penalty by how often it occurred before, -2 to 2.'),
  logit_bias: Type.Optional(
    record<number>(
      { type: 'number', minimum: -100, maximum: 100 },
      {
        maxProperties: 300,
        propertyNames: { pattern: TOKEN_ID },
        description: 'By token id, -100 to 100: how much likelier it becomes. At most 300 entries.',
      },
    ),
  ),
  stream: flag('Whether the reply is sent piece by piece.'),
  stream_options: Type.Optional(
    closed(
      {
        include_usage: flag('Whether a last event tells the tokens.'),
        continuous_usage_stats: flag('Whether every event tells the tokens so far.'),
      },
      'Only with stream.',
    ),
  ),
};

/** Fields that OpenAI lacks and SGLang or vLLM have; one that the engine does not know has no effect. */
export const engineFields = {
  top_k: whole(-1, 1_000_000, 'Tokens among which is chosen; -1 or 0: all.'),
  min_p: between(0, 1, 'Least probability of a token, relative to the likeliest.'),
  repetition_penalty: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      maximum: 2,
      description: 'Over 1: what occurred becomes less likely.',
    }),
  ),
  min_tokens: whole(0, MAX_TOKENS, 'Tokens before which the reply does not end.'),
  stop_token_ids: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0, maximum: 9_999_999 }), {
      maxItems: 16,
      description: 'Ids of tokens that end the reply, at most 16.',
    }),
  ),
  ignore_eos: flag('Whether the reply goes on when the model would end it. Not with response_format.'),
  skip_special_tokens: flag('Whether control tokens are left out of the text.'),
};

/** A JSON schema, which is looked at by admission alone. */
export const jsonSchema = (description: string) =>
  Type.Unsafe<Record<string, unknown>>({ type: 'object', description });

const GRAMMAR = 'grammars of callers can hold up the engine; use response_format with a json_schema';
const IGNORED = 'engines ignore it without a word; use response_format with a json_schema';
const INNER_ROUTING = 'the way inside the engine is the operator’s; leave it out';
const TOKENS = 'text is taken, not tokens or vectors; send it as text';
const NOT_OFFERED = 'the engines do not offer it; leave it out';

/** Fields that are known and not taken: why, and what to do instead. */
export const REFUSED_FIELDS: Readonly<Record<string, string>> = {
  rid: 'the service sets it; name the request in the header X-Request-Id, by which it is also cancelled',
  request_id:
    'the service sets it; name the request in the header X-Request-Id, by which it is also cancelled',
  priority: 'the service itself decides which call goes first; leave it out',
  custom_logit_processor: 'it is code that the engine would run; leave it out',
  custom_params: 'it is read by code that callers cannot send; for thinking there is thinking_token_budget',
  lora_path: 'the operator loads adapters; ask for a served one by its name in model',
  regex: GRAMMAR,
  ebnf: GRAMMAR,
  json_schema: 'engines ignore it here; put it into response_format',
  structural_tag: GRAMMAR,
  stop_regex: 'patterns of callers can hold up the engine; use stop',
  structured_outputs: IGNORED,
  guided_json: IGNORED,
  guided_regex: IGNORED,
  guided_choice: IGNORED,
  guided_grammar: IGNORED,
  guided_decoding_backend: IGNORED,
  functions: 'OpenAI has deprecated it; use tools',
  function_call: 'OpenAI has deprecated it; use tool_choice',
  audio: NOT_OFFERED,
  prediction: NOT_OFFERED,
  web_search_options: NOT_OFFERED,
  use_beam_search: NOT_OFFERED,
  cache_salt: 'the service keeps the engine’s cache; leave it out',
  extra_key: 'the service keeps the engine’s cache; leave it out',
  session_id: 'the engine keeps nothing between calls; send the whole conversation',
  session_params: 'the engine keeps nothing between calls; send the whole conversation',
  bootstrap_host: INNER_ROUTING,
  bootstrap_port: INNER_ROUTING,
  bootstrap_room: INNER_ROUTING,
  data_parallel_rank: INNER_ROUTING,
  routed_dp_rank: INNER_ROUTING,
  disagg_prefill_dp_rank: INNER_ROUTING,
  kv_transfer_params: INNER_ROUTING,
  return_hidden_states: 'the inner states of the model are not given out; leave it out',
  input_ids: TOKENS,
  input_embeds: TOKENS,
  prompt_token_ids: TOKENS,
  prompt_embeds: TOKENS,
  chat_template: 'a template is code that the engine would run; the operator sets it',
  extra_body: 'it is a parameter of OpenAI’s Python client; put its fields beside model',
};

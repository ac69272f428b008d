import { isJsonObject, type JsonObject } from '../json.js';
import { Refusal } from '../refusal.js';
import { subschemas } from '../subschemas.js';

const CHAT_PARAMETERS = new Set([
  'audio',
  'frequency_penalty',
  'logit_bias',
  'logprobs',
  'max_completion_tokens',
  'messages',
  'metadata',
  'modalities',
  'model',
  'n',
  'parallel_tool_calls',
  'prediction',
  'presence_penalty',
  'prompt_cache_key',
  'prompt_cache_retention',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'seed',
  'service_tier',
  'stop',
  'store',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'top_logprobs',
  'top_p',
  'user',
  'verbosity',
  'web_search_options',
]);

const COMPLETION_PARAMETERS = new Set([
  'best_of',
  'echo',
  'frequency_penalty',
  'logit_bias',
  'logprobs',
  'max_tokens',
  'model',
  'n',
  'presence_penalty',
  'prompt',
  'seed',
  'stop',
  'stream',
  'stream_options',
  'suffix',
  'temperature',
  'top_p',
  'user',
]);

const EMBEDDING_PARAMETERS = new Set(['dimensions', 'encoding_format', 'input', 'model', 'user']);

const SCHEMA_KEYWORDS = new Set([
  '$defs',
  '$ref',
  'additionalProperties',
  'anyOf',
  'const',
  'description',
  'enum',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'format',
  'items',
  'maxItems',
  'maximum',
  'minItems',
  'minimum',
  'multipleOf',
  'pattern',
  'properties',
  'required',
  'title',
  'type',
]);

const REASONING_MODEL = /^(?:gpt-5|o\d)/;

/** What every request names. */
interface Named {
  model: string | undefined;
}

/** Throws what OpenAI says to a newer model's caller who sends fields or schemas that only other engines know. */
export function checkStrictly(body: JsonObject, request: Named): void {
  if ('max_tokens' in body) {
    throw new Refusal(
      "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
      { param: 'max_tokens', code: 'unsupported_parameter' },
    );
  }
  const model = checkFields(body, CHAT_PARAMETERS, request);
  if (REASONING_MODEL.test(model)) checkSamplingIsDefault(body);
  const format = body.response_format;
  if (isJsonObject(format) && format.type === 'json_schema') checkFormat(format.json_schema);
}

/** The same for a text completion. */
export function checkCompletionStrictly(body: JsonObject, request: Named): void {
  checkFields(body, COMPLETION_PARAMETERS, request);
}

/** The same for embeddings. */
export function checkEmbeddingStrictly(body: JsonObject, request: Named): void {
  checkFields(body, EMBEDDING_PARAMETERS, request);
}

function checkFields(body: JsonObject, known: Set<string>, { model }: Named): string {
  const stranger = Object.keys(body).find((name) => !known.has(name));
  if (stranger !== undefined) throw new Refusal(`Unrecognized request argument supplied: ${stranger}`);
  if (model === undefined) throw new Refusal('you must provide a model parameter');
  return model;
}

function checkSamplingIsDefault(body: JsonObject): void {
  for (const param of ['temperature', 'top_p']) {
    const value = body[param] ?? 1;
    if (value !== 1) {
      throw new Refusal(
        `Unsupported value: '${param}' does not support ${JSON.stringify(value)} with this model. Only the default (1) value is supported.`,
        { param, code: 'unsupported_value' },
      );
    }
  }
}

function checkFormat(format: unknown): void {
  if (!isJsonObject(format)) {
    throw new Refusal("Missing required parameter: 'response_format.json_schema'.", {
      param: 'response_format.json_schema',
      code: 'missing_required_parameter',
    });
  }
  if (format.strict !== true) {
    throw new Refusal("Invalid value for 'response_format.json_schema.strict': expected true.", {
      param: 'response_format.json_schema.strict',
      code: 'invalid_value',
    });
  }
  const root = format.schema;
  if (!isJsonObject(root)) return;
  const fault = schemaFault(root);
  if (fault === undefined) return;
  throw new Refusal(`Invalid schema for response_format '${String(format.name)}': ${fault}`, {
    param: 'response_format',
  });
}

function schemaFault(root: JsonObject): string | undefined {
  if (root.type !== 'object') {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: ${JSON.stringify(root.type ?? 'None')}'.`;
  }
  for (const { schema, path } of subschemas(root)) {
    const fault = keywordFault(schema) ?? objectFault(schema);
    if (fault !== undefined) return `In context=(${path.map((step) => `'${step}'`).join(', ')}), ${fault}`;
  }
  return undefined;
}

function keywordFault(schema: JsonObject): string | undefined {
  const keyword = Object.keys(schema).find((name) => !SCHEMA_KEYWORDS.has(name));
  return keyword === undefined ? undefined : `'${keyword}' is not permitted.`;
}

function objectFault({ type, properties, required, additionalProperties }: JsonObject): string | undefined {
  if (![type].flat().includes('object') && properties === undefined) return undefined;
  if (additionalProperties !== false) {
    return "'additionalProperties' is required to be supplied and to be false.";
  }
  const names = isJsonObject(properties) ? Object.keys(properties) : [];
  const missing = names.find((name) => !Array.isArray(required) || !required.includes(name));
  if (missing === undefined) return undefined;
  return `'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`;
}

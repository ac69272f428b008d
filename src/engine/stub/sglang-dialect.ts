import { STATUS_CODES } from 'node:http';
import type { Dialect, Delta, ChunkOptions } from './dialect.js';
import { completionTokens, stubName, type Generation } from './generation.js';
import type { JsonObject } from './json.js';
import { Refusal, type ValidationIssue } from './refusal.js';
import { subschemas } from './subschemas.js';

const SCHEMA_TYPES = new Set<unknown>([
  undefined,
  'object',
  'array',
  'string',
  'number',
  'integer',
  'boolean',
  'null',
]);

const UNSUPPORTED_KEYWORDS = new Set([
  'multipleOf',
  'uniqueItems',
  'contains',
  'minContains',
  'maxContains',
  'not',
  'if',
  'then',
  'else',
  'dependentRequired',
  'dependentSchemas',
]);

const EVENT_ERROR_TYPES: Record<number, string> = {
  400: 'BAD_REQUEST',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
};

/** SGLang 0.5.23 as measured on the wire, to the order of the keys. */
export const sglangDialect: Dialect = {
  hasNativeRoutes: true,

  headers: () => ({ server: 'uvicorn', vary: 'Origin' }),

  check(_body, request) {
    if (request.schema) compileGrammar(request.schema as JsonObject);
  },

  completion(generation) {
    const { id, created, model, reasoning, content, finishReason, matchedStop } = generation;
    const message = {
      role: 'assistant',
      content: content?.join('') ?? null,
      reasoning_content: reasoning?.join('') ?? null,
    };
    const choice = {
      index: 0,
      message,
      logprobs: null,
      finish_reason: finishReason,
      matched_stop: matchedStop,
    };
    const weights = { version: 'default', start: 0, end: completionTokens(generation) };
    return {
      id,
      object: 'chat.completion',
      created,
      model,
      choices: generation.hasChoices ? [choice] : [],
      usage: usage(generation, completionTokens(generation), reasoning?.length ?? 0),
      metadata: { weight_version: 'default', weight_versions: [weights] },
    };
  },

  chunk(generation, _request, delta: Delta, { finished = false, usageAfter }: ChunkOptions = {}) {
    const choice = {
      index: 0,
      delta: { reasoning_content: null, ...delta },
      logprobs: null,
      finish_reason: finished ? generation.finishReason : null,
      matched_stop: finished ? generation.matchedStop : null,
    };
    const chunk = { ...chunkHead(generation), choices: generation.hasChoices ? [choice] : [] };
    if (usageAfter === undefined) return chunk;
    const reasoningTokens = Math.min(usageAfter, generation.reasoning?.length ?? 0);
    return { ...chunk, usage: usage(generation, usageAfter, reasoningTokens) };
  },

  usageChunk(generation) {
    const reasoningTokens = generation.reasoning?.length ?? 0;
    return {
      ...chunkHead(generation),
      choices: [],
      usage: usage(generation, completionTokens(generation), reasoningTokens),
    };
  },

  errorBody({ status, message, issue }) {
    if (status === 401) return { error: 'Unauthorized' };
    if (status === 404 || status === 405) return { detail: STATUS_CODES[status] };
    if (issue) return flatError(validationText(message, issue), 'Bad Request', status);
    if (status === 400) return flatError(message, 'BadRequestError', status);
    return flatError(message, status === 500 ? 'InternalServerError' : String(status), status);
  },

  // Python's json.dumps wrote this one, with blanks that no other event has.
  errorEvent({ status, message }) {
    const type = EVENT_ERROR_TYPES[status] ?? String(status);
    return `{"error": {"object": "error", "message": ${JSON.stringify(message)}, "type": "${type}", "param": null, "code": ${status}}}`;
  },

  models(modelName, contextLength) {
    const id = stubName(modelName);
    const created = Math.floor(Date.now() / 1000);
    const model = {
      id,
      object: 'model',
      created,
      owned_by: 'stub',
      root: id,
      parent: null,
      max_model_len: contextLength,
    };
    return { object: 'list', data: [model] };
  },
};

function chunkHead({ id, created, model }: Generation): object {
  return { id, object: 'chat.completion.chunk', created, model };
}

function usage({ promptTokens }: Generation, tokens: number, reasoningTokens: number): object {
  return {
    prompt_tokens: promptTokens,
    total_tokens: promptTokens + tokens,
    completion_tokens: tokens,
    prompt_tokens_details: null,
    reasoning_tokens: reasoningTokens,
    completion_tokens_details: reasoningTokens > 0 ? { reasoning_tokens: reasoningTokens } : null,
  };
}

function flatError(message: string, type: string, code: number): object {
  return { object: 'error', message, type, param: null, code };
}

/** FastAPI's text for a body that it refuses: it tells a path on the server and repeats the caller's input. */
function validationText(message: string, { type, location, input, context }: ValidationIssue): string {
  const place = location.map((step) => (typeof step === 'string' ? `'${step}'` : step)).join(', ');
  if (location[0] === 'header') {
    const issue = `{'loc': [${place}], 'msg': "${message}", 'type': '${type}'}`;
    return `1 validation error:\n  ${issue} [${issue}]`;
  }
  const ctx = context === undefined ? '' : `, 'ctx': {'error': '${context}'}`;
  const issue = `{'type': '${type}', 'loc': (${place}), 'msg': '${message}', 'input': ${JSON.stringify(input)}${ctx}}`;
  return (
    `1 validation error:\n  ${issue}\n\n` +
    '  File "/usr/lib/python3/site-packages/sglang/srt/entrypoints/http_server.py", line 1870, in openai_v1_chat_completions\n' +
    `    POST /v1/chat/completions [${issue}]`
  );
}

function compileGrammar(root: JsonObject): void {
  for (const { schema, path } of subschemas(root)) {
    const unknown = [schema.type ?? []].flat().find((type) => !SCHEMA_TYPES.has(type));
    if (unknown !== undefined) {
      const place = '[09:11:29] /project/cpp/json_schema_converter.cc:4175';
      throw grammarRefusal(`${place}: Unsupported type ${JSON.stringify(unknown)}\n`);
    }
    const unsupported = Object.keys(schema).filter((keyword) => UNSUPPORTED_KEYWORDS.has(keyword));
    if (unsupported.length > 0) {
      const place = ['#', ...path].join('/');
      const list = unsupported.join(', ');
      throw grammarRefusal(
        `JSON Schema at ${place} is not supported by xgrammar: keyword(s) ${list} would be ignored`,
      );
    }
  }
}

function grammarRefusal(reason: string): Refusal {
  return new Refusal(`Failed to compile json grammar: ${reason}`, { param: 'response_format', late: true });
}

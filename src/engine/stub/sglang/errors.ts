import { STATUS_CODES } from 'node:http';
import type { Refusal, ValidationIssue } from '../refusal.js';

const EVENT_TYPES: Record<number, string> = {
  400: 'BAD_REQUEST',
  500: 'INTERNAL_SERVER_ERROR',
  503: 'SERVICE_UNAVAILABLE',
};

/** Where in its server file SGLang's framework says that a body was refused, by path. */
const PLACES: Record<string, { line: number; name: string }> = {
  '/v1/chat/completions': { line: 1870, name: 'openai_v1_chat_completions' },
  '/v1/completions': { line: 1860, name: 'openai_v1_completions' },
  '/v1/embeddings': { line: 1882, name: 'openai_v1_embeddings' },
  '/abort_request': { line: 1721, name: 'abort_request' },
};

const OWN_PLACE = { line: 1, name: 'control' };

export function errorBody({ status, message, issue }: Refusal, path: string): object {
  if (status === 401) return { error: 'Unauthorized' };
  if (status === 404 || status === 405) return { detail: STATUS_CODES[status] };
  if (issue) return flatError(validationText(message, issue, path), 'Bad Request', status);
  if (status === 400) return flatError(message, 'BadRequestError', status);
  return flatError(message, status === 500 ? 'InternalServerError' : String(status), status);
}

/** Python's json.dumps wrote this one, with blanks that no other event has. */
export function errorEvent({ status, message }: Refusal): string {
  const type = EVENT_TYPES[status] ?? String(status);
  return `{"error": {"object": "error", "message": ${JSON.stringify(message)}, "type": "${type}", "param": null, "code": ${status}}}`;
}

function flatError(message: string, type: string, code: number): object {
  return { object: 'error', message, type, param: null, code };
}

/** FastAPI's text for a body that it refuses: it tells a path on the server and repeats the caller's input. */
function validationText(
  message: string,
  { type, location, input, context }: ValidationIssue,
  path: string,
): string {
  const place = location.map((step) => (typeof step === 'string' ? `'${step}'` : step)).join(', ');
  if (location[0] === 'header') {
    const issue = `{'loc': [${place}], 'msg': "${message}", 'type': '${type}'}`;
    return `1 validation error:\n  ${issue} [${issue}]`;
  }
  const ctx = context === undefined ? '' : `, 'ctx': {'error': '${context}'}`;
  const issue = `{'type': '${type}', 'loc': (${place}), 'msg': '${message}', 'input': ${JSON.stringify(input)}${ctx}}`;
  const { line, name } = PLACES[path] ?? OWN_PLACE;
  return (
    `1 validation error:\n  ${issue}\n\n` +
    `  File "/usr/lib/python3/site-packages/sglang/srt/entrypoints/http_server.py", line ${line}, in ${name}\n` +
    `    POST ${path} [${issue}]`
  );
}

import type { CallGroups, CallPage, ListedCall, WholeCall } from './call.js';

type Fields = Readonly<Record<string, unknown>>;

/** Whether an answer is a page of LLM Service's call log: other servers answer JSON too. */
export function isPage(body: unknown): body is CallPage {
  return isObject(body) && Array.isArray(body.calls) && body.calls.every(isListed);
}

/** Whether an answer is a call of LLM Service. */
export function isWhole(body: unknown): body is WholeCall {
  return isListed(body) && (body.tries === null || (Array.isArray(body.tries) && body.tries.every(isObject)));
}

/** Whether an answer is what LLM Service says at /api/stats. */
export function isGroups(body: unknown): body is CallGroups {
  if (!isObject(body) || !hasTexts(body, ['from', 'to'])) return false;
  return (
    Array.isArray(body.groups) &&
    body.groups.every((group) => isObject(group) && hasNumbers(group, ['calls']))
  );
}

function isListed(call: unknown): call is ListedCall & Fields {
  return (
    isObject(call) &&
    hasTexts(call, ['id', 'started_at', 'outcome', 'task', 'model_asked']) &&
    hasNumbers(call, ['prompt_tokens', 'completion_tokens'])
  );
}

function hasTexts(fields: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof fields[name] === 'string');
}

function hasNumbers(fields: Fields, names: readonly string[]): boolean {
  return names.every((name) => typeof fields[name] === 'number');
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

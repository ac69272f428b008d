import type { Message, PromptRequest } from '../api/generation.js';

/** A prompt that is not one, in a sentence. */
export class BadPrompt extends Error {
  override readonly name = 'BadPrompt';
}

const ROLES = ['system', 'user', 'assistant'] as const;

/** Characters of a wrong value that an error shows. */
const SHOWN = 40;

/** What each field is read by; `name` is its own, for errors. */
type Reader = (value: unknown, name: string) => unknown;

const FIELDS: Readonly<Record<keyof PromptRequest, Reader>> = {
  id: (value, name) => (typeof value === 'number' ? String(value) : text(value, name)),
  prompt: filled,
  messages,
  system: text,
  model: filled,
  temperature: number(0, 2),
  top_p: number(0, 1),
  max_tokens: wholeNumber(1),
  seed: wholeNumber(Number.MIN_SAFE_INTEGER),
  stop: textOrTexts,
};

/** Columns whose cells are numbers. */
const NUMBERS = ['temperature', 'top_p', 'max_tokens', 'seed'];

/** A prompt and what else its object says, which is not used. */
export interface ReadPrompt {
  readonly request: PromptRequest;
  readonly unused: readonly string[];
}

/**
 * Reads a text, or an object with `prompt` or `messages` and settings of their own; null is as if it were not there.
 * @throws BadPrompt
 */
export function readPrompt(value: unknown): ReadPrompt {
  if (typeof value === 'string') return { request: { prompt: filled(value, 'the prompt') }, unused: [] };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadPrompt(`a prompt is a text or an object, not ${shown(value)}.`);
  const request: Record<string, unknown> = {};
  const unused: string[] = [];
  for (const [name, field] of Object.entries(value as Record<string, unknown>)) {
    if (!isField(name)) unused.push(name);
    else if (field !== null) request[name] = FIELDS[name](field, `"${name}"`);
  }
  if ((request.prompt === undefined) === (request.messages === undefined))
    throw new BadPrompt(`an object has either "prompt" or "messages"${others(unused)}.`);
  return { request, unused };
}

/**
 * Reads a row of a CSV; an empty cell is as if it were not there.
 * @throws BadPrompt
 */
export function readRow(names: readonly string[], cells: readonly string[]): ReadPrompt {
  const pairs = names.map((name, at) => [name, cellValue(name, cells[at] ?? '')] as const);
  const fields = Object.fromEntries(pairs);
  if (fields.prompt === null && fields.messages === undefined)
    throw new BadPrompt('the cell of the column "prompt" is empty.');
  return readPrompt(fields);
}

/** What is there instead: most often a misspelled name. */
function others(names: readonly string[]): string {
  return names.length === 0 ? '' : `; this one has ${shown(names)}`;
}

function isField(name: string): name is keyof PromptRequest {
  return Object.hasOwn(FIELDS, name);
}

function cellValue(name: string, cell: string): string | number | null {
  if (cell.trim() === '') return null;
  const value = NUMBERS.includes(name) ? Number(cell) : NaN;
  return Number.isNaN(value) ? cell : value;
}

function text(value: unknown, name: string): string {
  if (typeof value === 'string') return value;
  throw new BadPrompt(`${name} must be a text, not ${shown(value)}.`);
}

function filled(value: unknown, name: string): string {
  if (text(value, name).trim() === '') throw new BadPrompt(`${name} is empty.`);
  return value as string;
}

function number(min: number, max: number): Reader {
  return (value, name) => {
    if (typeof value === 'number' && value >= min && value <= max) return value;
    throw new BadPrompt(`${name} must be a number from ${min} to ${max}, not ${shown(value)}.`);
  };
}

function wholeNumber(min: number): Reader {
  return (value, name) => {
    if (Number.isSafeInteger(value) && (value as number) >= min) return value;
    const bound = min === Number.MIN_SAFE_INTEGER ? '' : ` of at least ${min}`;
    throw new BadPrompt(`${name} must be a whole number${bound}, not ${shown(value)}.`);
  };
}

function textOrTexts(value: unknown, name: string): string | string[] {
  if (!Array.isArray(value)) return text(value, name);
  return value.map((one) => text(one, `each of ${name}`));
}

function messages(value: unknown, name: string): Message[] {
  if (!Array.isArray(value) || value.length === 0)
    throw new BadPrompt(`${name} must be a list of messages, not ${shown(value)}.`);
  return value.map((one: unknown, at) => message(one, `${name}, message ${at + 1}:`));
}

function message(value: unknown, name: string): Message {
  const { role, content } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  const known = ROLES.find((one) => one === role);
  if (known === undefined)
    throw new BadPrompt(`${name} "role" must be system, user or assistant, not ${shown(role)}.`);
  return { role: known, content: text(content, `${name} "content"`) };
}

function shown(value: unknown): string {
  // JSON has no word for a field that is not there.
  const json = value === undefined ? 'nothing' : JSON.stringify(value);
  return json.length > SHOWN ? `${json.slice(0, SHOWN)}…` : json;
}

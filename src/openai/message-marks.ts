import { MarkRestorer } from '../text/mark-restorer.js';
import { neutraliseMarks, restoreMarks } from '../text/chat-marks.js';
import type { Rewrite } from '../pipeline/out/relay-stream.js';
import type { ChatRequest } from './chat-request.js';

type Message = ChatRequest['messages'][number];

/** Qwen's words /think and /no_think stay as they are: callers of this surface may mean them. */
const MARKS_ONLY = { thinking: false };

/** Makes the chat marks in messages harmless, whoever wrote them; says whether there were any. */
export function neutralised(messages: readonly Message[]): {
  messages: Message[];
  changed: boolean;
} {
  let changes = 0;
  const harmless = (text: string): string => {
    const safe = neutraliseMarks(text, MARKS_ONLY);
    if (safe !== text) changes++;
    return safe;
  };
  const safe = messages.map((message) => mapTexts(message, harmless));
  return { messages: safe, changed: changes > 0 };
}

/** Every text below a value; keys, and what names a role or a kind, hold none. */
function mapTexts<T>(value: T, map: (text: string) => string): T {
  if (typeof value === 'string') return map(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => mapTexts(item, map)) as T;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, own]) => [
      key,
      key === 'role' || key === 'type' ? (own as unknown) : mapTexts<unknown>(own, map),
    ]),
  ) as T;
}

/** Puts the marks back into a text. */
export const restoreText = (text: string): string => restoreMarks(text, MARKS_ONLY);

/** Puts the marks back into a reply, whole or event by event. */
export function restoringRewrite(streams: boolean): Rewrite {
  if (!streams) return (text) => JSON.stringify(restoreIn(JSON.parse(text)));
  const choices = new Map<number, StreamedTexts>();
  return (data) => {
    const event = JSON.parse(data) as { choices?: StreamedChoice[] };
    for (const choice of event.choices ?? []) {
      const texts = choices.get(choice.index ?? 0) ?? new StreamedTexts();
      choices.set(choice.index ?? 0, texts);
      texts.restore(choice);
    }
    return JSON.stringify(event);
  };
}

interface StreamedChoice {
  index?: number;
  delta?: Record<string, unknown> & { tool_calls?: StreamedCall[] | null };
  finish_reason?: string | null;
}

interface StreamedCall {
  index?: number;
  function?: { arguments?: unknown };
}

/** Fields of a delta that hold the model's words. */
const TEXTS = ['content', 'reasoning_content', 'reasoning'] as const;

/** The texts of one choice, each of which comes in pieces: what it says, what it thinks, what it calls functions with. */
class StreamedTexts {
  readonly #fields = new Map<string, MarkRestorer>();
  readonly #calls = new Map<number, MarkRestorer>();

  restore(choice: StreamedChoice): void {
    const delta = (choice.delta ??= {});
    for (const field of TEXTS) {
      const text = delta[field];
      if (typeof text === 'string') delta[field] = restorerIn(this.#fields, field).write(text);
    }
    for (const { index = 0, function: called } of delta.tool_calls ?? []) {
      if (typeof called?.arguments !== 'string') continue;
      called.arguments = restorerIn(this.#calls, index).write(called.arguments);
    }
    if (choice.finish_reason) this.#finish(delta);
  }

  /** Adds what was held back. */
  #finish(delta: NonNullable<StreamedChoice['delta']>): void {
    for (const [field, restorer] of this.#fields) {
      const rest = restorer.end();
      const said = delta[field];
      if (rest !== '') delta[field] = typeof said === 'string' ? said + rest : rest;
    }
    for (const [index, restorer] of this.#calls) {
      const rest = restorer.end();
      if (rest !== '') (delta.tool_calls ??= []).push({ index, function: { arguments: rest } });
    }
  }
}

function restorerIn<K>(restorers: Map<K, MarkRestorer>, key: K): MarkRestorer {
  const restorer = restorers.get(key) ?? new MarkRestorer(MARKS_ONLY);
  restorers.set(key, restorer);
  return restorer;
}

function restoreIn(value: unknown): unknown {
  return mapTexts(value, (text) => restoreMarks(text, MARKS_ONLY));
}

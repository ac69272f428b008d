import { asOneText } from './wire-body.js';

/** A whole reply of OpenAI's API, as far as it is turned into a stream and back. */
interface Completion {
  readonly id?: unknown;
  readonly object?: unknown;
  readonly created?: unknown;
  readonly model?: unknown;
  readonly choices: readonly WholeChoice[];
  readonly usage?: object | null;
}

/** How a choice ended, in whichever words. */
interface Ended {
  readonly finish_reason?: unknown;
  readonly matched_stop?: unknown;
  readonly stop_reason?: unknown;
}

interface WholeChoice extends Ended {
  readonly index: number;
  readonly message?: Fields;
  readonly text?: string;
  readonly logprobs?: object | null;
}

/** An event of a stream. */
interface Chunk extends Omit<Completion, 'choices'> {
  readonly choices: readonly (Omit<WholeChoice, 'message'> & { readonly delta?: Fields })[];
}

type Fields = Readonly<Record<string, unknown>>;

/** The events that a stream of this reply would have had, with each text in one piece. */
export function eventsOf(json: string, wantsUsage: boolean): string[] {
  const { id, created, model, choices, usage } = JSON.parse(json) as Completion;
  const isChat = choices.some(({ message }) => message !== undefined);
  const head = { id, object: isChat ? 'chat.completion.chunk' : 'text_completion', created, model };
  const events: object[] = choices.flatMap(({ index, message, text, logprobs = null, ...ended }) => {
    const [said, last] = isChat ? [{ delta: deltaOf(message) }, { delta: {} }] : [{ text }, { text: '' }];
    return [
      { ...head, choices: [{ index, ...said, logprobs, finish_reason: null }] },
      { ...head, choices: [{ index, ...last, ...ended }] },
    ];
  });
  if (wantsUsage && usage) events.push({ ...head, choices: [], usage });
  return events.map((event) => JSON.stringify(event));
}

/** Clients put the pieces of functions' calls together by an index, which a whole message does not have. */
function deltaOf(message: Fields = {}): object {
  const { tool_calls: calls } = message;
  if (!Array.isArray(calls)) return message;
  return { ...message, tool_calls: calls.map((call: object, index) => ({ index, ...call })) };
}

/** The whole reply that was streamed in these events, without its logprobs. */
export function completionOf(events: readonly string[]): string {
  const chunks = events.map((event) => JSON.parse(event) as Chunk);
  const choices = new Map<number, WholeChoice>();
  for (const { index = 0, delta, text, ...ended } of chunks.flatMap((chunk) => chunk.choices)) {
    const before = choices.get(index) ?? { index, finish_reason: null };
    choices.set(index, {
      ...before,
      ...withoutNulls(ended),
      logprobs: null,
      ...(delta && { message: joined(before.message, asOneText(delta) as Fields) }),
      ...(text !== undefined && { text: (before.text ?? '') + text }),
    });
  }
  const [first] = chunks;
  const isChat = [...choices.values()].some(({ message }) => message !== undefined);
  return JSON.stringify({
    id: first?.id,
    object: isChat ? 'chat.completion' : 'text_completion',
    created: first?.created,
    model: first?.model,
    choices: [...choices.values()].toSorted((a, b) => a.index - b.index),
    usage: chunks.findLast(({ usage }) => usage)?.usage,
  });
}

function joined(message: Fields = {}, delta: Fields): Fields {
  const whole: Record<string, unknown> = { ...message };
  for (const [name, value] of Object.entries(delta)) {
    const before = whole[name] ?? null;
    if (name === 'tool_calls')
      whole[name] = withCalls(before as ToolCall[] | null, value as ToolCall[] | null);
    else if (before === null) whole[name] = value;
    else if (typeof before === 'string' && typeof value === 'string' && name !== 'role')
      whole[name] = before + value;
  }
  return whole;
}

interface ToolCall extends Fields {
  readonly index?: number;
  readonly function?: Fields;
}

/** The calls of functions with further pieces of them. */
function withCalls(before: readonly ToolCall[] | null, pieces: readonly ToolCall[] | null): ToolCall[] {
  const calls = [...(before ?? [])];
  for (const piece of pieces ?? []) {
    const { index = calls.length } = piece;
    const place = calls.findIndex((call) => call.index === index);
    const known = calls[place];
    const call = {
      ...known,
      ...withoutNulls(piece),
      index,
      function: {
        ...known?.function,
        ...withoutNulls(piece.function ?? {}),
        arguments: argumentsOf(known) + argumentsOf(piece),
      },
    };
    calls.splice(place === -1 ? calls.length : place, 1, call);
  }
  return calls;
}

function argumentsOf(call: ToolCall | undefined): string {
  const written = call?.function?.arguments;
  return typeof written === 'string' ? written : '';
}

function withoutNulls(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

/** A whole chat completion, as far as it is turned into a stream. */
interface Completion {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message: Readonly<Record<string, unknown>>;
    readonly logprobs?: object | null;
    readonly finish_reason: string;
  }[];
  readonly usage?: object;
}

/** The events that a stream of this reply would have had, with its text in one piece: a reply that was checked as a whole. */
export function streamOf(text: string, wantsUsage: boolean): string[] {
  const { id, created, model, choices, usage } = JSON.parse(text) as Completion;
  const head = { id, object: 'chat.completion.chunk', created, model };
  const events: object[] = choices.flatMap(({ index, message, logprobs = null, finish_reason }) => [
    { ...head, choices: [{ index, delta: message, logprobs, finish_reason: null }] },
    { ...head, choices: [{ index, delta: {}, finish_reason }] },
  ]);
  if (wantsUsage && usage) events.push({ ...head, choices: [], usage });
  return events.map((event) => JSON.stringify(event));
}

interface ToolCallEvent {
  readonly choices?: readonly { readonly delta?: { tool_calls?: readonly ToolCallPiece[] | null } }[];
}

type ToolCallPiece = Record<string, unknown> & { function?: Record<string, unknown> };

/**
 * An event of a stream as OpenAI writes the pieces of a function's call: with its id and name in the first one alone.
 * SGLang repeats them as null, which OpenAI's client for Node takes for another name.
 */
export function withoutNullNames(data: string): string {
  if (!data.includes('"tool_calls"')) return data;
  const event = JSON.parse(data) as ToolCallEvent;
  for (const { delta } of event.choices ?? []) {
    if (!delta?.tool_calls) continue;
    delta.tool_calls = delta.tool_calls.map((call) => ({
      ...withoutNulls(call),
      ...(call.function && { function: withoutNulls(call.function) }),
    }));
  }
  return JSON.stringify(event);
}

function withoutNulls(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

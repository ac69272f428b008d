import type { Usage } from '../../engine/engine-request.js';

/** A whole reply of OpenAI's API, as far as it is turned into a stream. */
interface Completion {
  readonly id: string;
  readonly created: number;
  readonly model: string;
  readonly choices: readonly {
    readonly index: number;
    readonly message?: Readonly<Record<string, unknown>>;
    readonly text?: string;
    readonly logprobs?: object | null;
    readonly finish_reason: string;
  }[];
  readonly usage?: object;
}

/** The events that a stream of this reply would have had, with each text in one piece. */
export function eventsOf(json: string, wantsUsage: boolean): string[] {
  const { id, created, model, choices, usage } = JSON.parse(json) as Completion;
  const isChat = choices.some(({ message }) => message !== undefined);
  const head = { id, object: isChat ? 'chat.completion.chunk' : 'text_completion', created, model };
  const events: object[] = choices.flatMap(({ index, message, text, logprobs = null, finish_reason }) => {
    const [said, last] = isChat ? [{ delta: deltaOf(message) }, { delta: {} }] : [{ text }, { text: '' }];
    return [
      { ...head, choices: [{ index, ...said, logprobs, finish_reason: null }] },
      { ...head, choices: [{ index, ...last, finish_reason }] },
    ];
  });
  if (wantsUsage && usage) events.push({ ...head, choices: [], usage });
  return events.map((event) => JSON.stringify(event));
}

/** Clients put the pieces of functions' calls together by an index, which a whole message does not have. */
function deltaOf(message: Readonly<Record<string, unknown>> = {}): object {
  const { tool_calls: calls } = message;
  if (!Array.isArray(calls)) return message;
  return { ...message, tool_calls: calls.map((call: object, index) => ({ index, ...call })) };
}

/** The event with the tokens of a stream that ends before the engine could tell them. */
export function usageEvent(last: string, { prompt_tokens, completion_tokens, total_tokens }: Usage): string {
  const { id, object, created, model } = JSON.parse(last) as Record<string, unknown>;
  return JSON.stringify({
    id,
    object,
    created,
    model,
    choices: [],
    usage: { prompt_tokens, completion_tokens, total_tokens },
  });
}

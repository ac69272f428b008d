/** A completion or a chunk of one, as far as it is read. Nothing about it is taken for granted. */
export interface Completion {
  readonly model?: unknown;
  readonly choices?: unknown;
  readonly usage?: unknown;
  readonly error?: unknown;
  readonly object?: unknown;
}

/** A message or a delta of one; SGLang says `reasoning_content`, vLLM `reasoning`. */
interface CompletionText {
  readonly content?: unknown;
  readonly refusal?: unknown;
  readonly reasoning_content?: unknown;
  readonly reasoning?: unknown;
  readonly tool_calls?: unknown;
}

/** The first answer in it; `text` is that of /v1/completions. */
export interface Choice {
  readonly index?: number;
  readonly text?: unknown;
  readonly message?: CompletionText;
  readonly delta?: CompletionText;
  readonly finish_reason?: unknown;
}

export interface TokenCounts {
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly totalTokens: number | null;
}

/** The first choice, where there is one; others may come with it, or alone in an event. */
export function choiceOf({ choices }: Completion): Choice | undefined {
  if (!Array.isArray(choices)) return undefined;
  return (choices as (Choice | null)[]).find((choice) => choice && (choice.index ?? 0) === 0) ?? undefined;
}

/** The words of a content, which some servers write as a list of parts; null where there is neither. */
export function wordsOf(content: unknown): string | null {
  if (!Array.isArray(content)) return textOrNull(content);
  return content.map((part: { readonly text?: unknown } | null) => textOrNull(part?.text) ?? '').join('');
}

/** What went wrong, where it is an error instead of an answer. */
export function errorOf(completion: Completion): unknown {
  return completion.error ?? (completion.object === 'error' ? completion : undefined);
}

/** Token counts by the server's own word; null where it gives none. */
export function tokensOf({ usage }: Completion): TokenCounts {
  const counts = (typeof usage === 'object' && usage !== null ? usage : {}) as Record<string, unknown>;
  return {
    promptTokens: countOf(counts.prompt_tokens),
    completionTokens: countOf(counts.completion_tokens),
    totalTokens: countOf(counts.total_tokens),
  };
}

export function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function countOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

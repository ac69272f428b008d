import { APIError } from 'openai';
import type { Dialect, EndedChoice, EngineError } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineReply, Usage } from './engine-request.js';
import { faultOfWire } from './pool-fetch.js';
import type { ReplyGuard } from './reply-guard.js';

/** A message or delta: SGLang says reasoning_content, vLLM reasoning. */
interface WireText {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly reasoning?: string | null;
}

/** A completion or a chunk of one, as far as it is read. Nothing about it is taken for granted. */
interface WireBody {
  readonly model?: unknown;
  readonly choices?: readonly (EndedChoice & { readonly message?: WireText; readonly delta?: WireText })[];
  readonly usage?: Partial<Usage> | null;
  readonly error?: unknown;
  readonly object?: unknown;
}

/** What is read of a reply, before the request's own facts are added. */
export type ReadReply = Omit<EngineReply, 'maxTokens'>;

const NO_USAGE: Usage = { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

/** Reads a reply that came as a whole. */
export function readWhole(body: unknown, dialect: Dialect): ReadReply {
  if (typeof body !== 'object' || body === null) {
    throw new EngineFault('bad-response', {
      seen: 'no JSON object',
      ...(typeof body === 'string' && { said: body.slice(0, 500) }),
    });
  }
  const completion = body as WireBody;
  const choice = choiceOf(completion, dialect);
  if (!choice) throw new EngineFault('bad-response', { seen: 'no choices' });
  const { content, reasoning } = textOf(choice.message);
  return {
    content,
    reasoning,
    finish: dialect.finishOf(choice),
    usage: usageOf(completion.usage),
    model: typeof completion.model === 'string' ? completion.model : '',
  };
}

/**
 * Reads a streamed reply to its end. The client library ends a cut stream like a whole one, so a finish reason and
 * the closing `[DONE]` are asked for here.
 * @param askedAt `performance.now()` of the request; the headers may come as late as the first token
 */
export async function readStream(
  chunks: AsyncIterable<unknown>,
  dialect: Dialect,
  guard: ReplyGuard,
  askedAt: number,
): Promise<ReadReply> {
  let firstTokenMs: number | undefined;
  let content = '';
  let reasoning = '';
  let ended: EndedChoice | undefined;
  let usage = NO_USAGE;
  let model = '';
  let isEventStream = false;

  for await (const chunk of chunks) {
    guard.check();
    isEventStream = true;
    const event = chunk as WireBody;
    const choice = choiceOf(event, dialect);
    if (typeof event.model === 'string') model = event.model;
    if (event.usage) usage = usageOf(event.usage);
    if (!choice) continue;
    const text = textOf(choice.delta);
    if (text.content || text.reasoning) {
      firstTokenMs ??= performance.now() - askedAt;
      guard.started();
    }
    content += text.content;
    reasoning += text.reasoning;
    if (choice.finish_reason) ended = choice;
  }

  guard.check();
  // The client library skips lines that are no events: a web page looks like a stream without any.
  if (!isEventStream) throw new EngineFault('bad-response', { seen: 'no events' });
  if (!ended || !guard.sawDone)
    throw new EngineFault('cut', { seen: ended ? 'no [DONE]' : 'no finish_reason' });
  return {
    content,
    reasoning,
    finish: dialect.finishOf(ended),
    usage,
    model,
    ...(firstTokenMs !== undefined && { firstTokenMs }),
  };
}

/** Makes a fault of whatever asking or reading threw. */
export function faultOf(thrown: unknown, dialect: Dialect, guard: ReplyGuard): EngineFault {
  try {
    guard.check();
  } catch (fault) {
    return fault as EngineFault;
  }
  if (thrown instanceof EngineFault) return thrown;
  if (thrown instanceof APIError && thrown.status !== undefined) {
    return dialect.faultOf(
      engineError(thrown.error, thrown.status as number, thrown.headers as HeaderSource),
    );
  }
  if (thrown instanceof APIError && thrown.error) return dialect.faultOf(engineError(thrown.error));
  if (thrown instanceof SyntaxError) return new EngineFault('bad-response', { said: thrown.message });
  return faultOfWire(thrown);
}

/** The first choice, or nothing in a chunk that has none (usage); an error inside a 200 is thrown. */
function choiceOf(
  body: WireBody,
  dialect: Dialect,
): (EndedChoice & { message?: WireText; delta?: WireText }) | undefined {
  if (Array.isArray(body.choices)) return (body.choices as NonNullable<WireBody['choices']>)[0];
  if (body.error !== undefined || body.object === 'error')
    throw dialect.faultOf(engineError(body.error ?? body));
  throw new EngineFault('bad-response', { seen: 'neither choices nor an error' });
}

function textOf(text: WireText | undefined): { content: string; reasoning: string } {
  const reasoning = text?.reasoning_content ?? text?.reasoning;
  return {
    content: typeof text?.content === 'string' ? text.content : '',
    reasoning: typeof reasoning === 'string' ? reasoning : '',
  };
}

function usageOf(usage: Partial<Usage> | null | undefined): Usage {
  const prompt_tokens = countOf(usage?.prompt_tokens);
  const completion_tokens = countOf(usage?.completion_tokens);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

type HeaderSource = { get(name: string): string | null } | undefined;

/** Finds message and code in the four shapes that errors come in: flat, nested, a string, FastAPI's detail. */
function engineError(error: unknown, status?: number, headers?: HeaderSource): EngineError {
  const outer = (typeof error === 'object' && error !== null ? error : { message: error }) as Record<
    string,
    unknown
  >;
  const nested = outer.error;
  const body = (typeof nested === 'object' && nested !== null ? nested : outer) as Record<string, unknown>;
  const message = body.message ?? body.detail ?? nested ?? '';
  const code = Number(body.code);
  const retryAfterMs = retryAfter(headers?.get('retry-after'));
  return {
    status: status ?? (code >= 400 && code < 600 ? code : 500),
    message: typeof message === 'string' ? message : JSON.stringify(message),
    ...(typeof body.param === 'string' && { param: body.param }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Retry-After in milliseconds: seconds or an HTTP date. */
function retryAfter(value: string | null | undefined): number | undefined {
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

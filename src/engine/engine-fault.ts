import { type ErrorCode, ServiceError } from '../common/errors.js';
import type { RunawayReason } from './watchdog.js';

/** Everything that can go wrong between the service and an engine. */
export type FaultKind =
  | 'unreachable'
  | 'connection-lost'
  | 'overloaded'
  | 'failed'
  | 'rejected'
  | 'unauthorized'
  | 'model-not-found'
  | 'context-too-long'
  | 'no-room'
  | 'too-many-tokens'
  | 'quota-exhausted'
  | 'model-refused'
  | 'bad-response'
  | 'too-large'
  | 'cut'
  | 'runaway'
  | 'first-token-timeout'
  | 'stalled'
  | 'deadline'
  | 'cancelled';

interface FaultEntry {
  readonly code: ErrorCode;
  /** Whether a second try may help. */
  readonly retry: boolean;
  readonly detail: string;
}

const FAULTS: Readonly<Record<FaultKind, FaultEntry>> = {
  unreachable: {
    code: 'ENGINE_UNREACHABLE',
    retry: true,
    detail: 'No connection to the engine was possible.',
  },
  'connection-lost': {
    code: 'ENGINE_CONNECTION_LOST',
    retry: true,
    detail: 'The engine closed the connection before its reply was whole.',
  },
  overloaded: {
    code: 'ENGINE_OVERLOADED',
    retry: true,
    detail: 'The engine takes no more calls at the moment.',
  },
  failed: { code: 'ENGINE_ERROR', retry: true, detail: 'The engine reported an error of its own.' },
  rejected: {
    code: 'ENGINE_REJECTED',
    retry: false,
    detail: 'The engine does not accept what the service sent.',
  },
  unauthorized: {
    code: 'ENGINE_UNAUTHORIZED',
    retry: false,
    detail: 'The engine does not accept the key that the service sends, or wants one.',
  },
  'model-not-found': {
    code: 'MODEL_NOT_FOUND',
    retry: false,
    detail: 'The engine does not serve the model that was asked for.',
  },
  'context-too-long': {
    code: 'CONTEXT_TOO_LONG',
    retry: false,
    detail: 'The prompt is longer than the model’s context.',
  },
  'no-room': {
    code: 'CONTEXT_TOO_LONG',
    retry: false,
    detail: 'The prompt leaves no room in the model’s context for an answer.',
  },
  'too-many-tokens': {
    code: 'MAX_TOKENS_TOO_LARGE',
    retry: false,
    detail: 'More tokens are asked for than a reply of this model can have.',
  },
  'quota-exhausted': {
    code: 'ENGINE_QUOTA_EXCEEDED',
    retry: false,
    detail: 'The engine answers no more calls with the service’s key: its quota or credit is used up.',
  },
  'model-refused': {
    code: 'MODEL_REFUSED',
    retry: false,
    detail: 'The engine’s content filter stopped the question.',
  },
  'bad-response': { code: 'ENGINE_BAD_RESPONSE', retry: true, detail: 'The answer is no chat completion.' },
  'too-large': {
    code: 'ENGINE_REPLY_TOO_LARGE',
    retry: false,
    detail: 'The reply grew over the bound and was broken off.',
  },
  cut: { code: 'ENGINE_REPLY_CUT', retry: true, detail: 'The reply ended before it was whole.' },
  runaway: {
    code: 'ENGINE_REPLY_RUNAWAY',
    retry: true,
    detail: 'The model repeated itself without end and was broken off.',
  },
  'first-token-timeout': {
    code: 'ENGINE_STALLED',
    retry: false,
    detail: 'The engine sent no first token in time.',
  },
  stalled: { code: 'ENGINE_STALLED', retry: true, detail: 'The engine stopped in the middle of its reply.' },
  deadline: {
    code: 'DEADLINE_EXCEEDED',
    retry: false,
    detail: 'The call’s time was up before the engine had answered.',
  },
  cancelled: { code: 'CANCELLED', retry: false, detail: 'The caller left or cancelled the call.' },
};

/** What stands in place of `no-room`'s detail where the prompt does leave room for some answer. */
const TOO_MANY =
  'The prompt leaves less room in the model’s context than the tokens that are asked for: ask for fewer, or shorten the prompt.';

/** Tokens that stay free at the end of the context: engines count their own end marks differently. */
const CONTEXT_MARGIN = 8;

/** The fewest tokens of room with which asking again makes sense. */
const MIN_ROOM = 16;

/** Tokens that a prompt leaves for an answer, where they are enough for one. */
export function roomFor(promptTokens: number, contextTokens: number): number | undefined {
  const room = contextTokens - promptTokens - CONTEXT_MARGIN;
  return room >= MIN_ROOM ? room : undefined;
}

/** What is known about a fault besides its kind. */
export interface FaultFacts {
  /** A sentence for the caller in the place of the catalogue's, where more is known; it holds no word of the engine's. */
  readonly named?: string;
  /** What the service saw: a socket's code, what was missing. Holds no word of the engine's; for the log at DEBUG. */
  readonly seen?: string;
  /** What the engine said. For the log with LOG_PROMPTS only: it can hold file paths, keys and the candidate's words. */
  readonly said?: string;
  /** Why the watchdog broke a stream off. */
  readonly runaway?: RunawayReason;
  /** How long the engine asks to wait. */
  readonly retryAfterMs?: number;
  /** Tokens of the prompt by the engine's own count. */
  readonly promptTokens?: number;
  /** Tokens of the model's context, or of its longest reply, by the engine's own word. */
  readonly contextTokens?: number;
  readonly cause?: unknown;
}

/** A failed try at one engine. Never leaves `engine/`: {@link toServiceError} makes of it what a caller may see. */
export class EngineFault extends Error {
  constructor(
    readonly kind: FaultKind,
    readonly facts: FaultFacts = {},
  ) {
    super(kind, { cause: facts.cause });
  }

  /** A sentence about it for the caller. */
  get detail(): string {
    return this.facts.named ?? FAULTS[this.kind].detail;
  }

  get retryable(): boolean {
    return FAULTS[this.kind].retry;
  }

  /**
   * Tokens that the context has left for an answer, where too many were asked for and enough are left to ask again.
   * @param knownContext tokens of the context, where the engine's complaint does not name them
   */
  roomLeft(knownContext?: number): number | undefined {
    const { promptTokens, contextTokens = knownContext } = this.facts;
    if (this.kind !== 'no-room' && this.kind !== 'too-many-tokens') return undefined;
    if (promptTokens === undefined || contextTokens === undefined) return undefined;
    return roomFor(promptTokens, contextTokens);
  }

  /**
   * The catalogue's error for this fault, without a word of the engine's own.
   * @param knownContext tokens of the context, where the engine's complaint does not name them
   */
  toServiceError(knownContext?: number): ServiceError {
    const { code } = FAULTS[this.kind];
    return new ServiceError(code, this.#detail(knownContext), {
      ...this.#retryAfter(code),
      cause: this,
    });
  }

  #detail(knownContext: number | undefined): string {
    const { code } = FAULTS[this.kind];
    const { detail } = this;
    const { promptTokens = 0, contextTokens = knownContext } = this.facts;
    if (!contextTokens) return detail;
    if (code === 'MAX_TOKENS_TOO_LARGE') return `${detail} It can have ${contextTokens - promptTokens}.`;
    if (code !== 'CONTEXT_TOO_LONG') return detail;
    const why = this.kind === 'no-room' && this.roomLeft(knownContext) !== undefined ? TOO_MANY : detail;
    return `${why} The engine counts ${promptTokens ? `${promptTokens} tokens in the prompt and ` : ''}${contextTokens} in the context.`;
  }

  #retryAfter(code: ErrorCode): { retryAfterSeconds?: number } {
    const { retryAfterMs } = this.facts;
    if (code === 'ENGINE_UNREACHABLE' || code === 'ENGINE_OVERLOADED') {
      return { retryAfterSeconds: Math.min(60, (retryAfterMs ?? 5000) / 1000) };
    }
    // A quota comes back when somebody pays or a month begins: only the engine knows when.
    return code === 'ENGINE_QUOTA_EXCEEDED' && retryAfterMs !== undefined
      ? { retryAfterSeconds: retryAfterMs / 1000 }
      : {};
  }
}

import type { EngineKind } from '../../../src/config/settings.ts';

/**
 * How the model behaves:
 * - `happy`: its replies end and are valid;
 * - `hostile`: near-uniform noise within what the grammar allows;
 * - `whitespace`: blanks wherever it may;
 * - `endless`: it never closes a string.
 */
export type Variant = 'happy' | 'hostile' | 'whitespace' | 'endless';

export interface EngineOptions {
  /** @default 'happy' */
  readonly variant?: Variant;
  /** Whether the chat template opens a think block whatever it is told. @default false */
  readonly alwaysThinks?: boolean;
  /** Calls that the engine holds, half of them running; more are refused. Left out: more than a test sends. */
  readonly maxCalls?: number;
}

export const ENDLESS: EngineOptions = { variant: 'endless' };
/** One that is soon full. */
export const FULL: EngineOptions = { ...ENDLESS, maxCalls: 8 };
export const HOSTILE: EngineOptions = { variant: 'hostile' };
export const ALWAYS_THINKS: EngineOptions = { alwaysThinks: true };

/** Tokens of every engine's context. */
export const CONTEXT_TOKENS = 32_768;

/** The key that every engine expects. */
export const ENGINE_KEY = 'the-engines-key';

/** One engine while it runs, and an operator's hands on it. */
export interface RunningEngine {
  /** Base address without `/v1`. */
  readonly url: string;
  /** What the service is told that it is. */
  readonly kind: EngineKind;
  /** The name that the model is served under. */
  readonly model: string;
  /** Whether nothing was done to it that ends it. */
  readonly alive: boolean;
  /** Calls that it generates for at the moment, by its own count. */
  running(): Promise<number>;
  /** Holds the process that generates where it stands. */
  freeze(): Promise<void>;
  /** Lets it go on. */
  thaw(): Promise<void>;
  /** Ends the process that generates without a warning, as a kernel without memory does. */
  kill(): Promise<void>;
  /** Ends the process that callers are connected to in the same way. */
  killServer(): void;
  /** Asks the engine to stop, as an orchestrator does. */
  terminate(): void;
  /** Ends all that is left of it. */
  stop(): Promise<void>;
}

/** A kind of engine that the contract is proven on. */
export interface EngineDriver {
  readonly name: string;
  /** A Python with the `openai` package, as a command; where the engine brings one. */
  readonly python?: readonly [string, ...string[]];
  /** Seconds that a token of the endless model may take on a busy machine. */
  readonly slowestToken: number;
  /**
   * Resolves once the engine answers.
   * @param port where it listens; left out: a free one
   */
  start(options?: EngineOptions, port?: number): Promise<RunningEngine>;
}

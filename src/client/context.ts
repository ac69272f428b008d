import type { LLMClient } from './api/llm-client.js';
import type { Terminal } from './terminal/terminal.js';

/** Which server is asked, and how patiently. */
export interface ServerOptions {
  /** As it was typed: with or without http://, /v1 or a path behind it. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** Milliseconds for one attempt at one answer. */
  readonly timeoutMs: number;
  /** How often a call is sent again when the server says that it may be, or cannot be reached. */
  readonly retries: number;
}

/** What every command works with. */
export interface Context {
  readonly terminal: Terminal;
  readonly server: ServerOptions;
  /** Aborted by the first Ctrl-C; the second ends the process. */
  readonly stop: AbortSignal;
  /** Loads the part that talks to servers, which `--help` does without. */
  connect(options?: { readonly url?: string; readonly connections?: number }): Promise<LLMClient>;
}

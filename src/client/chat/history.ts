import { appendFileSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { escapeLineEnds } from '../../common/line-ends.js';
import { PRIVATE } from '../new-file.js';
import { replaceFile } from '../replace-file.js';

/** Messages that are kept. */
const MOST_ENTRIES = 1000;

/** Longer messages are not kept. */
const LONGEST_ENTRY = 100_000;

/** What is typed is the user's own. */
const FOLDER_MODE = 0o700;

type Environment = Readonly<Record<string, string | undefined>>;

/** Where the history is kept; nowhere if LLM_SERVICE_HISTORY is set and empty. */
export function historyFile(env: Environment): string | undefined {
  if (env.LLM_SERVICE_HISTORY !== undefined) return env.LLM_SERVICE_HISTORY || undefined;
  const state = env.XDG_STATE_HOME ?? '';
  // The specification has relative paths ignored.
  const folder = isAbsolute(state) ? state : join(env.HOME ?? homedir(), '.local', 'state');
  return join(folder, 'llm-service', 'history.jsonl');
}

/** The messages that were typed, in this session and in those before: a file of JSON texts, one a line. */
export class History {
  readonly #entries: string[] = [];

  /** A file that cannot be used leaves the history to this session; `onFault` hears why. */
  constructor(
    private readonly file: string | undefined,
    private readonly onFault: (sentence: string) => void,
  ) {
    this.#load();
  }

  /** Oldest first. */
  get entries(): readonly string[] {
    return this.#entries;
  }

  add(entry: string): void {
    if (entry.trim() === '' || entry === this.#entries.at(-1)) return;
    this.#entries.push(entry);
    if (entry.length > LONGEST_ENTRY) return;
    this.#guard((file) => {
      mkdirSync(dirname(file), { recursive: true, mode: FOLDER_MODE });
      appendFileSync(file, `${escapeLineEnds(JSON.stringify(entry))}\n`, { mode: PRIVATE });
    });
  }

  #load(): void {
    this.#guard((file) => {
      const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
      const kept = lines.slice(-MOST_ENTRIES);
      this.#entries.push(...kept.flatMap(textOf));
      if (lines.length >= 2 * MOST_ENTRIES) replaceFile(file, kept.map((line) => `${line}\n`).join(''));
    });
  }

  #guard(use: (file: string) => void): void {
    if (this.file === undefined) return;
    try {
      use(this.file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
      this.onFault(
        `${this.file} cannot be used, so the history is not kept: ${(error as Error).message}. LLM_SERVICE_HISTORY names another file; empty, it turns the history off.`,
      );
    }
  }
}

/** A line that is none of ours is passed over. */
function textOf(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line);
    return typeof entry === 'string' ? [entry] : [];
  } catch {
    return [];
  }
}

/** What is known of the calls with one version of the prompt. */
interface Calls {
  answered: number;
  failed: number;
  latencyMs: number;
  tokens: number;
  /** Answers that said how many tokens they took. */
  counted: number;
}

/** Averages of one version; undefined where nothing was answered or counted. */
export interface VersionAverages {
  readonly version: string;
  readonly answered: number;
  readonly failed: number;
  readonly latencyMs: number | undefined;
  readonly tokens: number | undefined;
}

/** Adds up calls by the version of their prompt. */
export class VersionStats {
  readonly #versions = new Map<string, Calls>();

  addAnswer(version: string, latencyMs: number, tokens: number | undefined): void {
    const calls = this.#of(version);
    calls.answered++;
    calls.latencyMs += latencyMs;
    if (tokens === undefined) return;
    calls.counted++;
    calls.tokens += tokens;
  }

  addFailure(version: string): void {
    this.#of(version).failed++;
  }

  /** In the order in which the versions first came. */
  averages(): VersionAverages[] {
    return [...this.#versions].map(([version, { answered, failed, latencyMs, tokens, counted }]) => ({
      version,
      answered,
      failed,
      latencyMs: answered > 0 ? latencyMs / answered : undefined,
      tokens: counted > 0 ? tokens / counted : undefined,
    }));
  }

  #of(version: string): Calls {
    let calls = this.#versions.get(version);
    if (!calls) {
      calls = { answered: 0, failed: 0, latencyMs: 0, tokens: 0, counted: 0 };
      this.#versions.set(version, calls);
    }
    return calls;
  }
}

import type { Answer } from './answer.js';
import { endEarly, type Generation, type Token } from './generation.js';

/** A token that one choice says. */
export interface Step {
  generation: Generation;
  token: Token;
  /** How many tokens of this choice are out with it. */
  count: number;
}

/** Who listens: how fast it may be spoken, and to which choices nobody listens any more. */
export interface Audience {
  pause(ms: number): Promise<void>;
  isDeaf(choiceId: string): boolean;
}

interface Voice {
  generation: Generation;
  spoken: number;
}

/** An answer that is being spoken: a token of each choice at a time, as a batch of sequences runs in an engine. */
export class Speech {
  readonly #voices: Voice[];

  constructor(
    readonly answer: Answer,
    private readonly audience: Audience,
    private readonly tokenDelayMs: number,
  ) {
    this.#voices = answer.generations.map((generation) => ({ generation, spoken: 0 }));
  }

  /** The next token of every choice that has one, at the engine's pace; nothing once all have ended. */
  async round(): Promise<Step[]> {
    if (!this.#voices.some((voice) => this.#goesOn(voice))) return [];
    if (this.tokenDelayMs > 0) await this.audience.pause(this.tokenDelayMs);
    const steps: Step[] = [];
    for (const voice of this.#voices) {
      const token = voice.generation.tokens[voice.spoken];
      if (!token || !this.#goesOn(voice)) continue;
      voice.spoken++;
      steps.push({ generation: voice.generation, token, count: voice.spoken });
    }
    return steps;
  }

  /** Speaks all that is left. */
  async finish(): Promise<void> {
    if (this.tokenDelayMs > 0) while ((await this.round()).length > 0);
    for (const voice of this.#voices) {
      if (this.#goesOn(voice)) voice.spoken = voice.generation.tokens.length;
    }
  }

  /** The answer as far as it was spoken: what broke off before its end was aborted. */
  get spoken(): Answer {
    const generations = this.#voices.map(({ generation, spoken }) =>
      spoken < generation.tokens.length ? endEarly(generation, spoken, 'abort') : generation,
    );
    return { ...this.answer, generations };
  }

  #goesOn({ generation, spoken }: Voice): boolean {
    return spoken < generation.tokens.length && !this.audience.isDeaf(generation.id);
  }
}

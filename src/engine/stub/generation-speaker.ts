import { type Answer, answer, sumOver } from './answer.js';
import type { Exchange } from './exchange.js';
import type { GenerationRequest } from './generation-request.js';
import type { ModelOptions } from './model-options.js';
import type { ScriptedReply } from './scripted-reply.js';
import type { HugeReply, Part, Reply, Speaker } from './speaker.js';
import { type Audience, Speech } from './speech.js';

const HUGE_PIECE = 'All work and no play. '.repeat(50);

/** How a route words an answer. */
export interface Wording {
  whole(answer: Answer): object;
  events(speech: Speech): AsyncGenerator<Part>;
}

/** Answers a chat or a completion request. */
export class GenerationSpeaker implements Speaker, Audience {
  readonly #aborted = new Set<string>();

  constructor(
    private readonly request: GenerationRequest,
    private readonly wording: Wording,
    readonly check: () => void,
    private readonly exchange: Exchange,
    private readonly model: ModelOptions,
  ) {}

  get stream(): boolean {
    return this.request.stream;
  }

  get ids(): readonly string[] {
    return this.request.ids;
  }

  abort(id: string): void {
    this.#aborted.add(id);
    if (this.#aborted.size === this.ids.length) this.exchange.stop();
  }

  isDeaf(choiceId: string): boolean {
    return this.exchange.stopped || this.#aborted.has(choiceId);
  }

  pause(ms: number): Promise<void> {
    return this.exchange.pause(ms);
  }

  reply(script: ScriptedReply): Reply {
    return this.#say(
      answer(this.request, script, this.model),
      script.tokenDelayMs ?? this.model.tokenDelayMs,
    );
  }

  /** Not by way of scripted content, which the request's own `max_tokens` would cut. */
  async hugeReply(): Promise<HugeReply> {
    const { generations, ...rest } = answer(this.request, { content: '' }, this.model);
    const [first, ...others] = generations.map((generation, index) =>
      index === 0 ? { ...generation, tokens: [{ field: 'content' as const, text: HUGE_PIECE }] } : generation,
    );
    const { parts } = this.#say({ ...rest, generations: first ? [first, ...others] : [] }, 0);
    const texts: string[] = [];
    for await (const { text } of parts) texts.push(text);
    if (!this.stream) {
      const [head = '', tail = ''] = texts.join('').split(HUGE_PIECE);
      return { head, piece: HUGE_PIECE, tail };
    }
    const at = texts.findIndex((text) => text.includes(HUGE_PIECE));
    return { head: texts.slice(0, at).join(''), piece: texts[at] ?? '', tail: texts.slice(at + 1).join('') };
  }

  #say(said: Answer, tokenDelayMs: number): Reply {
    const speech = new Speech(said, this, tokenDelayMs);
    return {
      parts: this.stream ? this.wording.events(speech) : this.#whole(speech),
      tokenCount: sumOver(said, ({ tokens }) => tokens.length),
    };
  }

  async *#whole(speech: Speech): AsyncGenerator<Part> {
    await speech.finish();
    yield { name: 'whole', text: JSON.stringify(this.wording.whole(speech.spoken)) };
  }
}

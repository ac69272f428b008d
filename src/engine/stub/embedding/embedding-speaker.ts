import { randomUUID } from 'node:crypto';
import type { Dialect } from '../dialect.js';
import type { Exchange } from '../exchange.js';
import { type ModelOptions, stubName } from '../model-options.js';
import type { HugeReply, Reply, Speaker } from '../speaker.js';
import { countTokens } from '../tokens.js';
import { embedText } from './embed-text.js';
import type { EmbeddingRequest } from './embedding-request.js';

/** Stands for all numbers of a vector. */
const PLACEHOLDER = 8.25;

/** Answers an embedding request. What a script makes the model say means nothing here. */
export class EmbeddingSpeaker implements Speaker {
  readonly stream = false;
  readonly ids = [randomUUID()];

  constructor(
    private readonly request: EmbeddingRequest,
    private readonly dialect: Dialect,
    readonly check: () => void,
    private readonly exchange: Exchange,
    private readonly model: ModelOptions,
  ) {}

  abort(): void {
    this.exchange.stop();
  }

  reply(): Reply {
    const { texts, dimensions, encoding } = this.request;
    const vectors = texts.map((text) => {
      const vector = embedText(text, dimensions);
      return encoding === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector];
    });
    return { parts: [{ name: 'whole', text: this.#body(vectors) }], tokenCount: 0 };
  }

  hugeReply(): Promise<HugeReply> {
    const [head = '', tail = ''] = this.#body([[PLACEHOLDER]]).split(String(PLACEHOLDER));
    return Promise.resolve({ head: `${head}0`, piece: ',0.5', tail });
  }

  #body(vectors: (number[] | string)[]): string {
    const model = stubName(this.request.model ?? this.model.modelName);
    const promptTokens = this.request.texts.reduce((sum, text) => sum + countTokens(text), 0);
    return JSON.stringify(this.dialect.embeddings({ model, vectors, promptTokens }));
  }
}

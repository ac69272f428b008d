import type { ServiceError } from '../common/errors.js';
import { toOpenAiError } from '../common/openai-error.js';
import { EventSink } from '../pipeline/http/event-sink.js';

/** A stream as OpenAI's clients read it: its chunks, and `[DONE]`, whose place an error takes. */
export class ChunkSink extends EventSink {
  override result(): void {
    this.open().write('data: [DONE]\n\n');
    this.open().end();
  }

  override error(error: ServiceError): void {
    this.open().write(`data: ${JSON.stringify(toOpenAiError(error).body)}\n\n`);
    this.open().end();
  }
}

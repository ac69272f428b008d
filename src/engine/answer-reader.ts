import { ThinkMarks } from '../text/think-marks.js';
import { WellFormedText } from '../text/well-formed.js';
import type { EngineRequest, Finish } from './engine-request.js';
import type { WireSaid } from './wire-body.js';

/** What a question tells about its answer. */
export interface Expected {
  /** Whether the model was told to think. */
  readonly thinking: boolean;
  /** Whether the answer is an object: a refusal is none. */
  readonly isObject: boolean;
}

/** What a request tells about its answer. Who asks under `/v1` says nothing of thinking, and reads the JSON himself. */
export function expectedOf(request: EngineRequest): Expected {
  if ('body' in request) return { thinking: false, isObject: true };
  return { thinking: request.thinking, isObject: request.format !== undefined };
}

/**
 * Says what of a reply is the answer, in the same way for a reply that comes in pieces and for a whole one:
 * - its content, without the thinking that a model or its template put there ({@link ThinkMarks});
 * - where that is blank, the refusal, if a text was asked for;
 * - where there is no content at all, not even blanks, the engine's field for reasoning, if the model was told not to
 *   think and ended by itself: then a parser of the engine took the whole answer for thinking.
 */
export class AnswerReader {
  /** The answer so far. */
  content = '';
  /** What the model thought, in whichever place. */
  reasoning = '';
  /** Why the model gives no object, in its words. */
  refusal = '';
  /** Whether the answer stood where the engine puts thinking. */
  isMisplaced = false;
  readonly #halves = new WellFormedText();
  readonly #marks: ThinkMarks;
  #field = '';
  #hasContent = false;

  /** @param onVoid told once all of the answer so far turns out to be thinking */
  constructor(
    private readonly expected: Expected,
    onVoid: () => void = () => undefined,
  ) {
    this.#marks = new ThinkMarks({
      thought: (text) => {
        this.reasoning += text;
      },
      answerIsThought: () => {
        this.reasoning += this.content;
        this.content = '';
        onVoid();
      },
    });
  }

  /** @returns what of the answer is certain by now and was not returned yet; may be '' */
  write({ content, reasoning, refusal }: WireSaid): string {
    if (reasoning !== '') this.#field += reasoning;
    if (refusal !== '') this.refusal += refusal;
    if (content === '') return '';
    this.#hasContent = true;
    return this.#add(this.#marks.write(this.#halves.write(content)));
  }

  /** @returns the rest of the answer */
  end(finish: Finish): string {
    const rest = this.#add(this.#marks.write(this.#halves.end()) + this.#marks.end());
    this.#field = this.#field.toWellFormed();
    this.refusal = this.refusal.toWellFormed();
    const late = this.content.trim() === '' ? this.#elsewhere(finish) : '';
    this.reasoning += this.#field;
    if (!this.expected.isObject) this.refusal = '';
    return rest + this.#add(late);
  }

  #elsewhere(finish: Finish): string {
    const { thinking, isObject } = this.expected;
    if (this.refusal.trim() !== '') return isObject ? '' : this.refusal;
    if (thinking || finish !== 'stop' || this.#hasContent) return '';
    const answer = withoutThinking(this.#field);
    this.isMisplaced = answer.trim() !== '';
    return answer;
  }

  #add(text: string): string {
    this.content += text;
    return text;
  }
}

/** A text without the thinking in it. */
function withoutThinking(text: string): string {
  const reader = new AnswerReader({ thinking: true, isObject: true });
  reader.write({ content: text, reasoning: '', refusal: '' });
  reader.end('stop');
  return reader.content;
}

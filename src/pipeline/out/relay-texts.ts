import { REASONING_FIELDS } from '../../engine/wire-body.js';
import type { Block, TextFilter, TextPlace } from '../../text/text-filter.js';
import type { Filtered, TextFilters } from '../../text/text-filters.js';
import { mayHoldHalf, WellFormedText } from '../../text/well-formed.js';

/** The texts of a message or delta. */
interface Message extends Partial<Record<(typeof FIELDS)[number], unknown>> {
  tool_calls?: ToolCall[] | null;
}

interface ToolCall {
  index?: number;
  function?: { arguments?: unknown };
}

interface Choice {
  index?: number;
  /** Of a whole chat reply, of an event of one, and of the older completions. */
  message?: Message;
  delta?: Message;
  text?: unknown;
  logprobs?: unknown;
  finish_reason?: string | null;
}

interface Reply {
  choices?: Choice[];
}

const FIELDS = ['content', 'refusal', ...REASONING_FIELDS] as const;

/** A whole reply in OpenAI's shape with its texts filtered. */
export function filterReply(json: string, filters: TextFilters): Filtered<string> {
  const reply = JSON.parse(json) as Reply;
  let block: Block | undefined;
  const filtered = (text: unknown, kind: TextPlace['kind']): unknown => {
    if (typeof text !== 'string') return text;
    const result = filters.text(text, { path: '', kind, isSpoken: false });
    block ??= result.block;
    return result.value;
  };
  for (const choice of reply.choices ?? []) {
    const { message } = choice;
    if (choice.text !== undefined) choice.text = filtered(choice.text, 'answer');
    if (message) {
      for (const field of FIELDS) {
        if (message[field] !== undefined) message[field] = filtered(message[field], kindOf(field));
      }
      for (const { function: called } of message.tool_calls ?? []) {
        if (called) called.arguments = filtered(called.arguments, 'arguments');
      }
    }
    withholdLogprobs(choice, filters);
  }
  return { value: JSON.stringify(reply), block };
}

function kindOf(field: (typeof FIELDS)[number]): 'answer' | 'reasoning' {
  return field === 'content' || field === 'refusal' ? 'answer' : 'reasoning';
}

/** Token by token, logprobs spell the text that a filter changes. */
function withholdLogprobs(choice: Choice, filters: TextFilters): void {
  if (filters.isGuarded && choice.logprobs !== undefined) choice.logprobs = null;
}

/**
 * The texts of a streamed reply in OpenAI's shape: each passes a filter of its own, event by event. Where no text can
 * change, events stay as they are byte for byte, up to the first that has half a surrogate pair.
 */
export class StreamedTexts {
  readonly #choices = new Map<number, ChoiceTexts>();
  #said = '';
  #isIdle: boolean;

  /** @param count choices that the reply has */
  constructor(
    private readonly filters: TextFilters,
    private readonly count: number,
  ) {
    this.#isIdle = filters.isIdle;
  }

  /** What has gone out so far, without the thinking; of events that were changed. */
  get said(): string {
    return this.#said;
  }

  /** Whether the caller may be sent an event: with guardrails only once something has passed them. */
  get mayBegin(): boolean {
    return !this.filters.isGuarded || this.#said !== '' || this.#isOver;
  }

  /** Why the reply must end here. */
  get block(): Block | undefined {
    if (this.#isIdle) return undefined;
    return [...this.#choices.values()].find(({ block }) => block !== undefined)?.block;
  }

  /** Filters one event. With a block every choice of the reply that is not over ends here, as `content_filter`. */
  event(data: string): string {
    if (this.#isIdle && !mayHoldHalf(data)) return data;
    this.#isIdle = false;
    const event = JSON.parse(data) as Reply;
    for (const choice of event.choices ?? []) {
      this.#said += this.#textsOf(choice.index ?? 0).filter(choice);
      withholdLogprobs(choice, this.filters);
    }
    if (this.block) this.#endAll(event);
    return JSON.stringify(event);
  }

  #endAll(event: Reply): void {
    const choices = (event.choices ??= []);
    const isChat = choices.some(({ text }) => text === undefined);
    for (const choice of choices) choice.finish_reason = 'content_filter';
    const ended = new Set(choices.map(({ index = 0 }) => index));
    for (let index = 0; index < this.count; index++) {
      const texts = this.#textsOf(index);
      if (ended.has(index) || texts.isOver) continue;
      const last: Choice = { index, ...(!isChat && { text: '' }), finish_reason: 'content_filter' };
      this.#said += texts.filter(last);
      choices.push(last);
    }
  }

  #textsOf(index: number): ChoiceTexts {
    const known = this.#choices.get(index);
    if (known) return known;
    const texts = new ChoiceTexts(this.filters);
    this.#choices.set(index, texts);
    return texts;
  }

  get #isOver(): boolean {
    return [...this.#choices.values()].every(({ isOver }) => isOver);
  }
}

/** What one text passes. */
interface Passage {
  readonly halves: WellFormedText;
  readonly filter: TextFilter;
}

/** The texts of one choice, each of which comes in pieces. */
class ChoiceTexts {
  isOver = false;
  block: Block | undefined;
  readonly #texts = new Map<string, Passage>();

  constructor(private readonly filters: TextFilters) {}

  /** @returns the words that go out with this choice, without the thinking */
  filter(choice: Choice): string {
    this.isOver ||= Boolean(choice.finish_reason);
    // An event of the older completions has its text in the choice itself.
    if (typeof choice.text === 'string') {
      const said = this.#pass('text', choice.text, { kind: 'answer', isSpoken: true });
      choice.text = said + this.#rest('text');
      return choice.text as string;
    }
    const delta = (choice.delta ??= {});
    let said = '';
    for (const field of FIELDS) {
      const kind = kindOf(field);
      const place = { kind, isSpoken: true } as const;
      const piece = delta[field];
      const passed = typeof piece === 'string' ? this.#pass(field, piece, place) : '';
      const rest = this.#rest(field);
      if (typeof piece === 'string' || rest !== '') delta[field] = passed + rest;
      if (kind === 'answer') said += passed + rest;
    }
    return said + this.#calls(delta);
  }

  #calls(delta: Message): string {
    let said = '';
    for (const { index = 0, function: called } of delta.tool_calls ?? []) {
      if (typeof called?.arguments !== 'string') continue;
      const place = { kind: 'arguments', isSpoken: false } as const;
      called.arguments = this.#pass(`call ${index}`, called.arguments, place);
      said += called.arguments as string;
    }
    if (!this.isOver) return said;
    for (const name of this.#texts.keys()) {
      const index = /^call (\d+)$/.exec(name)?.[1];
      const rest = index === undefined ? '' : this.#rest(name);
      if (rest === '') continue;
      (delta.tool_calls ??= []).push({ index: Number(index), function: { arguments: rest } });
      said += rest;
    }
    return said;
  }

  #pass(name: string, piece: string, place: Omit<TextPlace, 'path'>): string {
    if (this.block) return '';
    const { halves, filter } = this.#texts.get(name) ?? {
      halves: new WellFormedText(),
      filter: this.filters.open({ path: '', ...place }),
    };
    this.#texts.set(name, { halves, filter });
    const passed = filter.write(halves.write(piece));
    this.block = filter.block;
    return passed;
  }

  /** What a filter held back, once the choice is over. */
  #rest(name: string): string {
    const passage = this.isOver && !this.block ? this.#texts.get(name) : undefined;
    if (!passage) return '';
    const { halves, filter } = passage;
    const rest = filter.write(halves.end()) + filter.end();
    // A second event after the end must not bring the rest again.
    this.#texts.delete(name);
    this.block ??= filter.block;
    return rest;
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Random } from './random.ts';

/** What a caller has received whole. */
export interface Receipt {
  readonly callId: string;
  readonly kind: string;
  /** Words that no other call has. */
  readonly question: string;
  /** The reply, parsed; of a stream under /v1 nothing, which has no such object. */
  readonly reply?: unknown;
  /** The reply's text, where that is what it is. */
  readonly answer?: string;
}

/** A way to ask, and how its answer is read. */
interface Way {
  readonly kind: string;
  readonly path: string;
  readonly body: (question: string) => object;
  /** @returns nothing where the answer is not whole */
  readonly read: (text: string) => Pick<Receipt, 'reply' | 'answer'> | undefined;
}

const step = (question: string): object => ({
  system_prompt: 'You interview a backend developer.',
  user_prompt: question,
});
const chat = (question: string): object => ({ messages: [{ role: 'user', content: question }] });
const streamed = (body: object): object => ({ ...body, stream: true });

const WAYS: readonly [Way, ...Way[]] = [
  { kind: 'step', path: '/api/interview/step', body: step, read: (text) => ({ reply: JSON.parse(text) }) },
  {
    kind: 'step, streamed',
    path: '/api/interview/step',
    body: (question) => streamed(step(question)),
    read: resultOf,
  },
  { kind: 'chat', path: '/api/chat/completions', body: chat, read: chatReply },
  {
    kind: 'chat, streamed',
    path: '/api/chat/completions',
    body: (question) => streamed(chat(question)),
    read: (text) => {
      const result = resultOf(text);
      return result && chatReply(JSON.stringify(result.reply));
    },
  },
  { kind: '/v1', path: '/v1/chat/completions', body: chat, read: (text) => ({ reply: JSON.parse(text) }) },
  {
    kind: '/v1, streamed',
    path: '/v1/chat/completions',
    body: (question) => streamed(chat(question)),
    read: chunksOf,
  },
];

/** Milliseconds after which somebody who was refused or cut asks again. */
const AGAIN_AFTER_MS = 300;

/** Milliseconds after which a caller gives a call up: far longer than one takes with a database that is frozen. */
const PATIENCE_MS = 20_000;

/** Callers who ask one question after the other, whatever happens to the service, and keep what they received whole. */
export class Callers {
  readonly receipts: Receipt[] = [];
  /** Calls that brought something else than a 200, by status. */
  readonly refused = new Map<number, number>();
  /** Calls that were cut, or never answered. */
  cut = 0;
  readonly #url: string;
  readonly #random: Random;
  readonly #agent: Agent;
  #asking: Promise<void>[] = [];
  #isOver = false;
  #asked = 0;

  constructor(url: string, random: Random, count: number) {
    this.#url = url;
    this.#random = random;
    this.#agent = new Agent({ connections: count, headersTimeout: PATIENCE_MS, bodyTimeout: PATIENCE_MS });
    this.#asking = Array.from({ length: count }, () => this.#askOn());
  }

  /** Lets every caller finish the call that he is in. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#asking);
    await this.#agent.close();
  }

  async #askOn(): Promise<void> {
    while (!this.#isOver) {
      if (!(await this.#ask(this.#random.oneOf(WAYS)))) await delay(AGAIN_AFTER_MS);
    }
  }

  /** @returns whether the answer came whole */
  async #ask({ kind, path, body, read }: Way): Promise<boolean> {
    const question = `Question ${++this.#asked}: what does the word w${this.#asked.toString(36)} mean to you?`;
    let [text, callId, status] = ['', '', 0];
    let isCut = false;
    try {
      const response = await request(this.#url + path, {
        method: 'POST',
        dispatcher: this.#agent,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body(question)),
      });
      status = response.statusCode;
      callId = String(response.headers['x-call-id']);
      for await (const chunk of response.body.setEncoding('utf8')) text += String(chunk);
    } catch {
      isCut = true;
    }
    if (status !== 200 && status !== 0) this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
    // A stream is whole with its last event, whatever becomes of the connection behind it.
    const isWhole = status === 200 && (!isCut || kind.endsWith('streamed'));
    const answer = isWhole ? read(text) : undefined;
    if (answer) this.receipts.push({ callId, kind, question, ...answer });
    else if (isCut || status === 200) this.cut++;
    return answer !== undefined;
  }
}

function chatReply(text: string): Pick<Receipt, 'reply' | 'answer'> {
  const reply = JSON.parse(text) as { content: string };
  return { reply, answer: reply.content };
}

/** The reply in the last event of one of the service's own streams. */
function resultOf(text: string): { reply: unknown } | undefined {
  const [, data] = /\nevent: result\ndata: (.*)\n\n$/.exec(text) ?? [];
  return data === undefined ? undefined : (JSON.parse(data) as { reply: unknown });
}

/** The words in a stream of OpenAI's API. */
function chunksOf(text: string): { answer: string } | undefined {
  if (!text.endsWith('data: [DONE]\n\n')) return undefined;
  const events = text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice('data: '.length)) as Chunk);
  return { answer: events.map(({ choices }) => choices[0]?.delta.content ?? '').join('') };
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string | null } }[];
}

import { wellFormedJson } from '../text/well-formed.js';
import { AnswerReader, type Expected } from './answer-reader.js';
import type { ReplyListener } from './call-budget.js';
import type { Dialect } from './dialects/dialect.js';
import { EngineFault } from './engine-fault.js';
import type { EngineReply, RelayPath } from './engine-request.js';
import type { EngineStream } from './engine-stream.js';
import type { ReplyGuard } from './reply-guard.js';
import type { Tally } from './tally.js';
import { faultOfWire, readBytes, type WireReply } from './wire.js';
import { strangeReply } from './strange-reply.js';
import { unpacked } from './unpacked.js';
import {
  abortedBy,
  asOneText,
  engineError,
  errorIn,
  indexOf,
  readBody,
  type ReadBody,
  saidIn,
  usageOf,
  type WireBody,
  type WireChoice,
} from './wire-body.js';

/** What is read of a reply, before the request's own facts are added. */
export type ReadReply = Omit<EngineReply, 'maxTokens'>;

/** @throws EngineFault for every status but 2xx */
export async function refuseErrors(reply: WireReply, guard: ReplyGuard, dialect: Dialect): Promise<void> {
  const { status, headers } = reply;
  if (status >= 200 && status < 300) return;
  throw dialect.faultOf(engineError(await errorBodyOf(reply, guard), status, headers));
}

/** What an error says: JSON, a proxy's page, or nothing where it cannot be unpacked; its status then says enough. */
async function errorBodyOf(reply: WireReply, guard: ReplyGuard): Promise<unknown> {
  let text = '';
  try {
    text = (await readBytes(unpacked(reply, guard))).toString('utf8');
    return JSON.parse(text);
  } catch (thrown) {
    const isUnreadable = thrown instanceof EngineFault && thrown.kind === 'bad-response';
    if (isUnreadable || thrown instanceof SyntaxError) return text;
    throw thrown;
  }
}

/** What reading a reply that came as a whole needs besides its bytes. */
export interface WholeReading {
  readonly path: RelayPath;
  readonly dialect: Dialect;
  readonly tally: Tally;
  readonly expected: Expected;
  /** The reply's own word for what it is, for the case that it is nothing known. */
  readonly contentType: string | undefined;
}

/**
 * Reads a reply that came as a whole, and what it cost.
 * @throws EngineFault where it is not what the path gives
 */
export function readWhole(
  bytes: Buffer,
  { path, dialect, tally, expected, contentType }: WholeReading,
): ReadReply {
  const text = bytes.toString('utf8');
  tally.said = text;
  const read = readBody(text);
  if (!read) throw strangeReply(contentType, text.slice(0, 500));
  const { body } = read;
  const json = wellFormedJson(plainJson(read));
  // Vectors have no choices; everything else that has none is an error.
  const isVectors = path === '/v1/embeddings' && Array.isArray(body.data);
  const choice = isVectors ? undefined : firstChoiceOf(body);
  if (!isVectors && !choice) throw errorIn(body, dialect) ?? strangeReply(contentType, json.slice(0, 500));
  tally.whole = json === text ? bytes : Buffer.from(json);
  const usage = usageOf(body.usage);
  tally.count(usage);
  const finish = choice ? dialect.finishOf(choice) : 'stop';
  if (finish === 'abort') throw abortedBy(body, dialect);
  const answer = new AnswerReader(expected);
  answer.write(saidIn(choice?.message));
  answer.end(finish);
  return {
    ...answerIn(answer),
    finish,
    usage,
    model: typeof body.model === 'string' ? body.model : '',
    json,
  };
}

/** The reply's JSON with each content as one text. */
function plainJson({ body, json }: ReadBody): string {
  const { choices } = body;
  if (!Array.isArray(choices)) return json;
  const given = choices as readonly (WireChoice | null)[];
  if (!given.some((choice) => Array.isArray(choice?.message?.content))) return json;
  const plain = given.map((choice) => choice?.message && { ...choice, message: asOneText(choice.message) });
  return JSON.stringify({ ...body, choices: plain });
}

function firstChoiceOf({ choices }: WireBody): WireChoice | undefined {
  if (!Array.isArray(choices)) return undefined;
  const given = (choices as readonly (WireChoice | null)[]).filter((choice) => choice !== null);
  return given.find((choice) => indexOf(choice) === 0) ?? given[0];
}

/**
 * Reads a streamed reply to its end.
 * @param listener hears of the answer while it is made
 * @throws EngineFault, and whatever the connection throws
 */
export async function readStream(
  stream: EngineStream,
  dialect: Dialect,
  tally: Tally,
  expected: Expected,
  listener: ReplyListener | undefined,
): Promise<ReadReply> {
  const answer = new AnswerReader(expected, () => listener?.takeBack(THOUGHT_ALOUD, true));
  const heard = (piece: string): boolean => {
    try {
      return piece === '' || (listener?.onText(piece) ?? true);
    } catch (error) {
      stream.stop();
      throw error;
    }
  };
  let isRefused = false;
  for (let events = await stream.next(); events; events = await stream.next()) {
    isRefused = !events.every((event) => heard(answer.write(event)));
    if (!isRefused) continue;
    stream.stop();
    break;
  }
  const { runaway, firstTokenMs, model, ended } = stream;
  const finish = isRefused ? 'refused' : runaway ? 'runaway' : ended ? dialect.finishOf(ended) : 'other';
  const isHeard = isRefused || heard(answer.end(finish));
  return {
    ...answerIn(answer),
    usage: tally.usage,
    model,
    finish: isHeard ? finish : 'refused',
    json: '',
    ...(runaway && { runaway }),
    ...(firstTokenMs !== undefined && { firstTokenMs }),
  };
}

/** Why what a listener heard is void. */
const THOUGHT_ALOUD = 'What came so far was the model’s thinking.';

function answerIn({
  content,
  reasoning,
  refusal,
  isMisplaced,
}: AnswerReader): Pick<ReadReply, 'content' | 'reasoning' | 'refusal' | 'isMisplaced'> {
  return { content, reasoning, refusal, isMisplaced };
}

/** Turns whatever asking or reading threw into a fault. */
export function faultOf(thrown: unknown, guard: ReplyGuard): EngineFault {
  try {
    guard.check();
  } catch (fault) {
    return fault as EngineFault;
  }
  if (thrown instanceof EngineFault) return thrown;
  return faultOfWire(thrown);
}

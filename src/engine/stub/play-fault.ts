import { STATUS_CODES } from 'node:http';
import type { ChatTurn, Part } from './chat-turn.js';
import type {
  BreakOffFault,
  CutFault,
  EngineErrorFault,
  Fault,
  HugeFault,
  Progress,
  RawFault,
  StallFault,
  StatusFault,
} from './faults.js';
import { tokensOf, type Generation } from './generation.js';
import { Refusal } from './refusal.js';

const HUGE_PIECE = 'All work and no play. '.repeat(50);

/** Answers a chat request as the script says. */
export async function playFault(fault: Fault, turn: ChatTurn): Promise<void> {
  switch (fault.kind) {
    case 'reply':
      return turn.send(turn.parts(turn.generate(fault)));
    case 'delay':
      await turn.exchange.pause(fault.ms);
      return turn.send(turn.parts(turn.generate(fault)));
    case 'drip':
      turn.exchange.dripMs = fault.everyMs;
      return turn.send(turn.parts(turn.generate(fault)));
    case 'cut':
      return turn.send(cut(turn.parts(turn.generate(fault)), fault.missing));
    case 'status':
      respondStatus(fault, turn);
      return;
    case 'html':
      turn.exchange.respond(200, { 'content-type': 'text/html' }, '<!doctype html><h1>Welcome</h1>\n');
      return;
    case 'redirect':
      turn.exchange.respond(307, { location: fault.location }, '');
      return;
    case 'engine-error':
      return failInside(fault, turn);
    case 'reset':
    case 'hang-up':
    case 'stall':
      return breakOff(fault, turn);
    case 'huge':
      return sendHuge(fault, turn);
    case 'raw':
      return sendRaw(fault, turn);
  }
}

function respondStatus({ status, headers = {}, body }: StatusFault, turn: ChatTurn): void {
  if (typeof body === 'string') turn.exchange.respond(status, headers, body);
  else turn.respondJson(status, body ?? turn.dialect.errorBody(usualRefusal(status)), headers);
}

async function failInside(fault: EngineErrorFault, turn: ChatTurn): Promise<void> {
  const { code = 500, message, afterTokens = 0 } = fault;
  const refusal = usualRefusal(code, message);
  if (!turn.request.stream) {
    turn.respondJson(200, turn.dialect.errorBody(refusal));
    return;
  }
  if (afterTokens > 0) await sendTokens(turn, turn.generate(fault), afterTokens);
  await turn.sendErrorEvent(refusal, afterTokens > 0);
}

async function breakOff(fault: BreakOffFault | StallFault, turn: ChatTurn): Promise<void> {
  if (fault.after !== 'request') await sendUntil(fault.after, turn, turn.generate(fault));
  if (fault.kind === 'reset') await turn.exchange.reset();
  else if (fault.kind === 'hang-up') await turn.exchange.hangUp();
  else await turn.exchange.untilGone();
}

async function sendUntil(
  progress: Exclude<Progress, 'request'>,
  turn: ChatTurn,
  generation: Generation,
): Promise<void> {
  const total = tokensOf(generation).length;
  if (turn.request.stream && progress !== 'headers') {
    const limits = { role: 0, half: Math.ceil(total / 2), tokens: total };
    return sendTokens(turn, generation, limits[progress]);
  }
  for await (const { text } of turn.parts(generation)) {
    turn.begin(text);
    if (progress === 'half' || progress === 'tokens') await turn.exchange.write(firstHalf(text));
    return;
  }
}

/** Sends a stream's role event and its first tokens, and leaves it open. */
async function sendTokens(turn: ChatTurn, generation: Generation, limit: number): Promise<void> {
  let sent = 0;
  turn.begin('');
  for await (const { name, text } of turn.parts(generation)) {
    if (name === 'finish' || (name === 'delta' && sent++ === limit)) return;
    await turn.exchange.write(text);
  }
}

async function* cut(parts: AsyncIterable<Part>, missing: CutFault['missing']): AsyncGenerator<Part> {
  for await (const part of parts) {
    const { name, text } = part;
    if (name === 'whole') yield { name, text: firstHalf(text) };
    else if (name !== missing && !(missing === 'both' && (name === 'done' || name === 'finish'))) yield part;
  }
}

async function sendHuge({ bytes }: HugeFault, turn: ChatTurn): Promise<void> {
  const { exchange } = turn;
  // Not scripted as content, which the request's own max_tokens would cut.
  const generation = { ...turn.generate({ content: '' }), content: [HUGE_PIECE] };
  if (turn.request.stream) {
    const piece = turn.dialect.chunk(generation, turn.request, { content: HUGE_PIECE });
    const event = `data: ${JSON.stringify(piece)}\n\n`;
    await sendTokens(turn, generation, 0);
    await fill(event);
    for await (const { name, text } of turn.parts(generation)) {
      if (name === 'finish' || name === 'done') await exchange.write(text);
    }
  } else {
    const [head = '', tail = ''] = JSON.stringify(turn.dialect.completion(generation)).split(HUGE_PIECE);
    exchange.begin(200, { 'content-type': turn.contentType });
    await exchange.write(head);
    await fill(HUGE_PIECE);
    await exchange.write(tail);
  }
  exchange.end();

  async function fill(text: string): Promise<void> {
    const piece = Buffer.from(text);
    for (let sent = 0; sent < bytes && !exchange.gone; sent += piece.length) await exchange.write(piece);
  }
}

async function sendRaw({ body, status = 200, headers }: RawFault, turn: ChatTurn): Promise<void> {
  turn.exchange.begin(status, { 'content-type': turn.contentType, ...headers });
  for (const piece of body) {
    await turn.exchange.write(typeof piece === 'string' ? piece : Buffer.from(piece.base64, 'base64'));
    // In the same turn of the event loop, Node would send the pieces as one.
    await turn.exchange.pause(0);
  }
  turn.exchange.end();
}

function firstHalf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}

function usualRefusal(status: number, message?: string): Refusal {
  const usual = status === 503 ? 'The request queue is full.' : (STATUS_CODES[status] ?? 'Unknown error');
  return new Refusal(message ?? usual, { status });
}

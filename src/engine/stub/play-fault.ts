import { STATUS_CODES } from 'node:http';
import { breakOff } from './break-off.js';
import type {
  BreakOffFault,
  CutFault,
  EngineErrorFault,
  Fault,
  HugeFault,
  Progress,
  RewriteFault,
  StatusFault,
} from './faults.js';
import { playRaw } from './play-raw.js';
import { Refusal } from './refusal.js';
import type { Part, Reply } from './speaker.js';
import { repeatTokens } from './tokens.js';
import type { Turn } from './turn.js';

/** Answers a request as the script says. */
export async function playFault(fault: Fault, turn: Turn, contextLength: number): Promise<void> {
  switch (fault.kind) {
    case 'reply':
      return turn.sendReply(fault);
    case 'endless':
      return turn.sendReply({ ...fault, content: repeatTokens(fault.text, contextLength) });
    case 'delay':
      await turn.exchange.pause(fault.ms);
      return turn.sendReply(fault);
    case 'drip':
      turn.exchange.drip = { bytes: fault.bytes ?? 1, everyMs: fault.everyMs };
      return turn.sendReply(fault);
    case 'cut':
      return turn.send(cut(turn.speaker.reply(fault).parts, fault.missing));
    case 'rewrite':
      turn.extraHeaders = fault.headers ?? {};
      if (fault.coding) turn.compress(fault.coding);
      return turn.send(rewrite(turn.speaker.reply(fault).parts, fault.replace));
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
    case 'half-close':
    case 'stall':
      if (fault.after !== 'request') await sendUntil(fault, fault.after, turn);
      return breakOff(turn.exchange, fault.kind);
    case 'huge':
      return sendHuge(fault, turn);
    case 'raw':
      return playRaw(fault, turn);
  }
}

function respondStatus({ status, headers = {}, body }: StatusFault, turn: Turn): void {
  if (typeof body === 'string') turn.exchange.respond(status, headers, body);
  else if (body) turn.respondJson(status, body, headers);
  else turn.respondError(status, usualRefusal(status), headers);
}

async function failInside(fault: EngineErrorFault, turn: Turn): Promise<void> {
  const { code = 500, message, afterTokens = 0 } = fault;
  const refusal = usualRefusal(code, message);
  if (!turn.stream) {
    turn.respondError(200, refusal);
    return;
  }
  if (afterTokens > 0) await sendTokens(turn, turn.speaker.reply(fault), afterTokens);
  await turn.sendErrorEvent(refusal, afterTokens > 0);
}

async function sendUntil(
  fault: BreakOffFault,
  progress: Exclude<Progress, 'request'>,
  turn: Turn,
): Promise<void> {
  const reply = turn.speaker.reply(fault);
  if (turn.stream && progress !== 'headers') {
    const limits = { role: 0, half: Math.ceil(reply.tokenCount / 2), tokens: reply.tokenCount };
    return sendTokens(turn, reply, limits[progress]);
  }
  for await (const { text } of reply.parts) {
    turn.begin(text);
    if (progress === 'half' || progress === 'tokens') await turn.exchange.write(firstHalf(text));
    return;
  }
}

/** Sends a stream's role events and its first tokens, and leaves it open. */
async function sendTokens(turn: Turn, { parts }: Reply, limit: number): Promise<void> {
  let sent = 0;
  turn.begin('');
  for await (const { name, text } of parts) {
    if (name === 'usage' || name === 'done' || (name === 'delta' && sent++ === limit)) return;
    if (name !== 'finish') await turn.exchange.write(text);
  }
}

async function* cut(parts: Reply['parts'], missing: CutFault['missing']): AsyncGenerator<Part> {
  for await (const part of parts) {
    const { name, text } = part;
    if (name === 'whole') yield { name, text: firstHalf(text) };
    else if (name !== missing && !(missing === 'both' && (name === 'done' || name === 'finish'))) yield part;
  }
}

async function* rewrite(parts: Reply['parts'], replace: RewriteFault['replace']): AsyncGenerator<Part> {
  for await (const { name, text } of parts) {
    yield {
      name,
      text: replace.reduce((rewritten, [from, to]) => rewritten.replaceAll(from, () => to), text),
    };
  }
}

async function sendHuge({ bytes }: HugeFault, turn: Turn): Promise<void> {
  const { exchange } = turn;
  const { head, piece, tail } = await turn.speaker.hugeReply();
  exchange.begin(200, { 'content-type': turn.contentType });
  await exchange.write(head);
  const filling = Buffer.from(piece);
  for (let sent = 0; sent < bytes && !exchange.gone; sent += filling.length) await exchange.write(filling);
  await exchange.write(tail);
  exchange.end();
}

function firstHalf(text: string): string {
  return text.slice(0, Math.ceil(text.length / 2));
}

function usualRefusal(status: number, message?: string): Refusal {
  const usual = status === 503 ? 'The request queue is full.' : (STATUS_CODES[status] ?? 'Unknown error');
  return new Refusal(message ?? usual, { status });
}

import { expect } from '@jest/globals';
import type { ErrorCode, Problem } from '../../src/common/errors.js';
import type { Fault } from '../../src/engine/stub/faults.js';
import { expectProblem } from './problem.js';
import { QUESTION, type Reply, type TestService } from './service.js';

/** A question to a route. */
interface Question {
  readonly path: string;
  readonly body: object;
}

/** A question that the engine is asked as a whole, one that it is asked as a stream, and free text, streamed too. */
export const WHOLE: Question = { path: '/api/feedback', body: QUESTION };
export const STREAMED: Question = { path: '/api/report', body: QUESTION };
export const CHAT: Question = {
  path: '/api/chat/completions',
  body: { messages: [{ role: 'user', content: 'Hello' }] },
};
export const QUESTIONS = [WHOLE, STREAMED, CHAT];

/** What an engine's error may hold and no caller may see: a path, a key, the candidate's words. */
const SECRETS = ['/opt/engine/server.py', 'sk-engine-1234', 'EXPLAIN ANALYZE'];
export const SAID = `File "${SECRETS.join(' ')}"`;

/** Long enough for a busy machine's ordinary reply, short enough to wait for. */
export const SHORT_TIMES = { firstTokenTimeout: 0.4, stallTimeout: 0.4, requestTimeout: 2 };

/** A number of tries that all meet the same fault. */
export function times(count: number, fault: Fault): Fault[] {
  return Array<Fault>(count).fill(fault);
}

/** Asks and expects an error that tells nothing of the engine's words, with the engine let go afterwards. */
export async function failsWith(
  service: TestService,
  { path, body }: Question,
  code: ErrorCode,
): Promise<Reply<Problem>> {
  const reply = await service.fail(path, body);
  expectProblem(reply, code);
  for (const secret of SECRETS) expect(JSON.stringify(reply.body)).not.toContain(secret);
  await service.stub.waitFor(() => service.stub.running === 0);
  return reply;
}

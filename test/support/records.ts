import { randomUUIDv7 } from 'node:crypto';
import { CallRecord } from '../../src/calls/call-record.js';
import { CallContext } from '../../src/common/call-context.js';

const USAGE = { prompt_tokens: 100, completion_tokens: 18, total_tokens: 118 };

/** The record of an interview step that has its answer, without a service that makes it. */
export function answeredStep(callId: string = randomUUIDv7()): CallRecord {
  const record = new CallRecord(
    { name: 'interview_step', lane: 'live' },
    false,
    new CallContext('req-0042', { name: 'local', scopes: new Set(['inference']) }, { turn: 3 }),
    {
      callId,
      model: 'model-served',
      provider: 'stub',
      attempts: 1,
      timing: { queue: 0.304, engine: 812.446, total: 813.1 },
    },
    { modelAsked: 'model-asked', systemPromptHash: 'c0ffee' },
  );
  record.tries.push({
    id: 'try-1',
    engine: 'http://gpu-1:30000',
    ms: 812.4,
    fault: undefined,
    usage: USAGE,
    request: Buffer.from('{"messages":[]}'),
    reply: Buffer.from('{"choices":[]}'),
  });
  record.judgements.push('strict');
  record.addTokens(USAGE);
  Object.assign(record.content, {
    input: '{"task":"interview_step","user_prompt":"Hello"}',
    question: 'Hello',
    reply: '{"action":"FOLLOW_UP"}',
  });
  record.verdict = { action: 'FOLLOW_UP' };
  record.outcome = 'ok';
  return record;
}

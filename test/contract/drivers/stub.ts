import { resolve } from 'node:path';
import { request } from 'undici';
import type { Fault } from '../../../src/engine/stub/faults.ts';
import { CONTEXT_TOKENS, ENGINE_KEY, type EngineDriver, type Variant } from './driver.ts';
import { EngineProcess } from './engine-process.ts';
import { freePort } from '../../../scripts/free-port.ts';

const MAIN = resolve('dist/engine/stub/main.js');

/** As many replies as all tests with one engine ask for. */
const SCRIPT_LENGTH = 250;

/** No loop, which would be broken off, and longer than any test looks. */
const ON_AND_ON = Array.from({ length: 4000 }, (_, turn) => `and then ${turn}`).join(', ');

/** What the model of each variant says, over and over; the happy one is the stub's own. */
const REPLIES: Readonly<Record<Exclude<Variant, 'happy'>, readonly string[]>> = {
  hostile: [
    '{"feedback":"\u0005 a","score":1,',
    '{"feedback":"He said </think> and <think>","score":3,"is_passed":true,"improvement_suggestion":"a"}',
    '{"feedback":" ","score":99999999999999999999,"is_passed":true,"improvement_suggestion":"\\ud800"}',
    '\ufffd\ufffd{}{}',
    '{"action":"FOLLOW_UP","message":"<think>","thought":"","evaluation":""}',
    '{"action":"NEW_TOPIC","message":"And what did the plan',
    '{"message":" say?","thought":"Short.","evaluation":"Short."}',
  ],
  whitespace: [`{${' \n'.repeat(2000)}`],
  endless: [`{"summary":"Well, ","feedback":"Well, ","action":"FOLLOW_UP","message":"${ON_AND_ON}`],
};

/** The stub in a process of its own, taken for SGLang: nothing that the service does for its own stub helps it. */
export const stub: EngineDriver = {
  name: 'stub',
  slowestToken: 2,

  async start({ variant = 'happy', alwaysThinks = false, maxCalls } = {}, at?: number) {
    const port = at ?? (await freePort());
    const options = {
      '--model': 'Qwen/Qwen3-32B',
      '--port': port,
      '--context-length': CONTEXT_TOKENS,
      '--api-key': ENGINE_KEY,
      // A reply that never ends must still be under way when the test looks.
      ...((variant === 'endless' || variant === 'whitespace') && { '--token-delay-ms': 3 }),
      ...(maxCalls !== undefined && { '--max-requests': maxCalls }),
    };
    const engine = await EngineProcess.start({
      kind: 'sglang',
      model: 'Qwen/Qwen3-32B-stub',
      url: `http://127.0.0.1:${port}`,
      command: [process.execPath, MAIN, '--control', ...Object.entries(options).flat().map(String)],
      readyPath: '/ready',
      runningGauge: 'sglang:num_running_reqs',
    });
    if (variant !== 'happy') await script(engine.url, REPLIES[variant]);
    if (alwaysThinks) await script(engine.url, ['<think>\nWell.\n</think>\n\nTell me more.']);
    return engine;
  },
};

async function script(url: string, replies: readonly string[]): Promise<void> {
  const faults = Array.from({ length: SCRIPT_LENGTH }, (_, at): Fault => {
    return { kind: 'reply', content: replies[at % replies.length] ?? '' };
  });
  const { statusCode, body } = await request(`${url}/control/script`, {
    method: 'POST',
    body: JSON.stringify(faults),
  });
  await body.dump();
  if (statusCode !== 200) throw new Error(`The stub takes no script: ${statusCode}`);
}

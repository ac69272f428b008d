/**
 * Asks for the next step of a live interview and prints the interviewer's words while the model writes them.
 *
 *   node examples/stream-step.ts
 *
 * LLM_SERVICE_URL is the service (http://127.0.0.1:8000), LLM_SERVICE_API_KEY the key, where it needs one.
 */
import { firstTurn, loadInterview, stepPrompts } from './interview.ts';
import { readEvents } from './read-events.ts';

/** What the events of a step hold. */
interface StepEvents {
  'field.delta': { path: string; text: string };
  'field.done': { path: string; value: unknown };
  reset: { reason: string };
  result: { reply: { action: string; message: string }; call: { attempts: number } };
  error: { code: string; detail: string };
}

const { LLM_SERVICE_URL = 'http://127.0.0.1:8000', LLM_SERVICE_API_KEY } = process.env;

try {
  await streamStep();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function streamStep(): Promise<void> {
  const interview = loadInterview('en');
  const response = await fetch(new URL('/api/interview/step', LLM_SERVICE_URL), {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(LLM_SERVICE_API_KEY && { authorization: `Bearer ${LLM_SERVICE_API_KEY}` }),
    },
    body: JSON.stringify({ ...stepPrompts(interview, [firstTurn(interview)]), stream: true }),
  });
  // What is refused before an engine is asked is no stream.
  if (!response.ok || !response.body) throw new Error(await response.text());

  for await (const { name, data } of readEvents(response.body)) {
    if (name === 'field.delta') {
      const { path, text } = data as StepEvents['field.delta'];
      if (path === '/message') process.stdout.write(text);
    } else if (name === 'field.done') {
      const { path } = data as StepEvents['field.done'];
      if (path === '/message') process.stdout.write('\n');
    } else if (name === 'reset') {
      // Never after the first word of a step's message: what was spoken stays said.
      process.stdout.write(`(${(data as StepEvents['reset']).reason})\n`);
    } else if (name === 'result') {
      const { reply, call } = data as StepEvents['result'];
      process.stdout.write(`${reply.action}, after ${call.attempts} attempt(s)\n`);
      return;
    } else if (name === 'error') {
      const { code, detail } = data as StepEvents['error'];
      throw new Error(`${code}: ${detail}`);
    }
  }
  throw new Error('The stream was cut.');
}

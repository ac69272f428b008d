import type { StructuredEvent, StructuredTask } from './answers.js';
import { cut, parseData, readEvents } from './event-stream.js';
import { readError, refusal } from './server-error.js';
import type { StreamedAnswer } from './wire-answer.js';

/** Where each structured task is asked. */
export const STRUCTURED_PATHS: Readonly<Record<StructuredTask, string>> = {
  step: '/api/interview/step',
  feedback: '/api/feedback',
  report: '/api/report',
};

const NAMES: readonly string[] = [
  'field.delta',
  'field.done',
  'reset',
  'result',
] satisfies StructuredEvent['name'][];

/**
 * Reads the stream of a structured route.
 * @throws CallFailed for the event `error`, and for a stream that ends with neither `error` nor `result`
 */
export async function* readStructured(
  answer: StreamedAnswer,
  root: string,
): AsyncGenerator<StructuredEvent, void, undefined> {
  for await (const { event = '', data } of readEvents(answer, root)) {
    const fields = parseData(data, root);
    if (!fields) continue;
    if (event === 'error') throw refusal(readError(fields), root);
    if (!isName(event)) continue;
    if (event === 'result') answer.leaveEnd();
    yield { name: event, data: fields };
    if (event === 'result') return;
  }
  throw cut(root);
}

function isName(event: string): event is StructuredEvent['name'] {
  return NAMES.includes(event);
}

import type { TextShapes } from './dialect.js';
import type { Generation } from './generation.js';
import { DONE, event, type Part } from './speaker.js';
import type { Speech, Step } from './speech.js';

/** A text completion as a stream: all choices at once, each ended by its own last event, as SGLang has it. */
export async function* textEvents(shapes: TextShapes, speech: Speech): AsyncGenerator<Part> {
  const planned = speech.answer;
  const ended = new Set<string>();
  for (let steps = await speech.round(); steps.length > 0; steps = await speech.round()) {
    for (const step of steps) {
      if (endsWith(step)) {
        ended.add(step.generation.id);
        yield event('finish', shapes.finish(planned, step.generation, step));
      } else {
        yield event('delta', shapes.delta(planned, step));
      }
    }
  }
  const answer = speech.spoken;
  const open = answer.generations.filter(({ id }: Generation) => !ended.has(id));
  for (const generation of open) yield event('finish', shapes.finish(answer, generation));
  if (answer.request.includeUsage) yield event('usage', shapes.usage(answer));
  yield { name: 'done', text: DONE };
}

/** Whether the choice ends with this very token: a stop is told by the token after it, a limit is not. */
function endsWith({ generation, count }: Step): boolean {
  return count === generation.tokens.length && generation.finishReason !== 'stop';
}

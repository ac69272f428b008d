import type { ChatShapes } from './dialect.js';
import { DONE, event, type Part } from './speaker.js';
import type { Speech } from './speech.js';

/** A chat reply as a stream: all choices at once, their ends together at the end, as SGLang has it. */
export async function* chatEvents(shapes: ChatShapes, speech: Speech): AsyncGenerator<Part> {
  const planned = speech.answer;
  for (let steps = await speech.round(); steps.length > 0; steps = await speech.round()) {
    for (const step of steps) {
      if (step.count === 1) yield event('role', shapes.role(planned, step.generation));
      yield event('delta', shapes.delta(planned, step));
    }
  }
  const answer = speech.spoken;
  for (const generation of answer.generations) {
    if (generation.tokens.length === 0) yield event('role', shapes.role(answer, generation));
  }
  for (const generation of answer.generations) {
    const isTold = answer.request.topLogprobs !== undefined && typeof generation.matchedStop === 'number';
    if (isTold && shapes.end) yield event('delta', shapes.end(answer, generation));
  }
  for (const generation of answer.generations) yield event('finish', shapes.finish(answer, generation));
  if (answer.request.includeUsage) yield event('usage', shapes.usage(answer));
  yield { name: 'done', text: DONE };
}

import { generate, type Generation } from './generation.js';
import type { GenerationRequest } from './generation-request.js';
import { type ModelOptions, stubName } from './model-options.js';
import type { ScriptedReply } from './scripted-reply.js';

/** All that is said to one request. */
export interface Answer {
  request: GenerationRequest;
  /** Unix time in seconds. */
  created: number;
  model: string;
  generations: Generation[];
  hasChoices: boolean;
}

/** Makes up the answer to a request, in the stub's own words where the script has none. */
export function answer(request: GenerationRequest, script: ScriptedReply, model: ModelOptions): Answer {
  return {
    request,
    created: Math.floor(Date.now() / 1000),
    model: stubName(request.model ?? model.modelName),
    generations: request.ids.map((_id, index) => generate(request, index, script, model.contextLength)),
    hasChoices: script.choices !== 'empty',
  };
}

/** The id of an answer is that of its first choice. */
export function idOf({ generations }: Answer): string {
  return generations[0]?.id ?? '';
}

/** The tokens of all prompts; the choices of one prompt share its tokens. */
export function promptTokensOf({ generations, request }: Answer): number {
  return generations
    .filter(({ index }) => index % request.n === 0)
    .reduce((sum, { promptTokens }) => sum + promptTokens, 0);
}

/** A number of every choice, added up. */
export function sumOver({ generations }: Answer, count: (generation: Generation) => number): number {
  return generations.reduce((sum, generation) => sum + count(generation), 0);
}

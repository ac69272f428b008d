import type { ChatRequest } from './chat-request.js';
import { composeReply } from './compose-reply.js';
import { splitTokens } from './tokens.js';

/** What a test makes the model say. A field that is absent is the stub's own. */
export interface ScriptedReply {
  /** Null stands for no text at all, as vLLM answers when everything is reasoning. */
  content?: string | null;
  reasoning?: string | null;
  finishReason?: string;
  matchedStop?: string | number | null;
  promptTokens?: number;
  /** `empty`: a reply with `"choices":[]`. */
  choices?: 'empty';
}

/** One reply of the model, cut into tokens and not yet in any dialect. */
export interface Generation {
  id: string;
  created: number;
  model: string;
  promptTokens: number;
  reasoning: string[] | null;
  content: string[] | null;
  finishReason: string;
  matchedStop: string | number | null;
  hasChoices: boolean;
}

interface Token {
  field: 'reasoning_content' | 'content';
  text: string;
}

/** Qwen3's `<|im_end|>`. */
const END_TOKEN_ID = 151645;

/** SGLang stops this many tokens short of the context. */
const RESERVED_TOKENS = 2;

export function generate(
  request: ChatRequest,
  script: ScriptedReply,
  { modelName, contextLength }: { modelName: string; contextLength: number },
): Generation {
  const text = script.content === undefined ? composeReply(request.messages, request.schema) : script.content;
  const stop = text === null ? undefined : firstStop(text, request.stop);
  const reasoning = script.reasoning ? splitTokens(script.reasoning) : null;
  const content = text === null ? null : splitTokens(text.slice(0, stop?.position));
  const whole: Generation = {
    id: request.id,
    created: Math.floor(Date.now() / 1000),
    model: stubName(request.model ?? modelName),
    promptTokens: script.promptTokens ?? request.promptTokens,
    reasoning,
    content,
    finishReason: 'stop',
    matchedStop: stop?.text ?? END_TOKEN_ID,
    hasChoices: script.choices !== 'empty',
  };
  const room = request.maxTokens ?? Math.max(0, contextLength - request.promptTokens - RESERVED_TOKENS);
  const fitting = completionTokens(whole) > room ? endEarly(whole, room, 'length') : whole;
  const finishReason = script.finishReason ?? fitting.finishReason;
  const matchedStop = finishReason === 'stop' ? fitting.matchedStop : null;
  return {
    ...fitting,
    finishReason,
    matchedStop: script.matchedStop === undefined ? matchedStop : script.matchedStop,
  };
}

/** The name under which the stub answers, so that its words never pass for a model's. */
export function stubName(model: string): string {
  return model.endsWith('-stub') ? model : `${model}-stub`;
}

export function tokensOf({ reasoning, content }: Generation): Token[] {
  return [
    ...(reasoning ?? []).map((text): Token => ({ field: 'reasoning_content', text })),
    ...(content ?? []).map((text): Token => ({ field: 'content', text })),
  ];
}

/** Counts as the engines do: the end token is one of the completion's. */
export function completionTokens({ reasoning, content, finishReason }: Generation): number {
  return (reasoning?.length ?? 0) + (content?.length ?? 0) + (finishReason === 'stop' ? 1 : 0);
}

/** The same generation, ended after its first `count` tokens. */
export function endEarly(generation: Generation, count: number, finishReason: string): Generation {
  const reasoning = generation.reasoning?.slice(0, count) ?? null;
  const content = generation.content?.slice(0, Math.max(0, count - (reasoning?.length ?? 0))) ?? null;
  return { ...generation, reasoning, content, finishReason, matchedStop: null };
}

function firstStop(text: string, stops: string[]): { text: string; position: number } | undefined {
  return stops
    .filter((stop) => stop !== '')
    .map((stop) => ({ text: stop, position: text.indexOf(stop) }))
    .filter(({ position }) => position >= 0)
    .sort((a, b) => a.position - b.position)[0];
}

import { randomUUID } from 'node:crypto';
import { composeArguments, composeReply } from './compose-reply.js';
import type { GenerationRequest, Prompt } from './generation-request.js';
import type { ScriptedChoice, ScriptedReply } from './scripted-reply.js';
import { splitTokens } from './tokens.js';

export interface ToolCall {
  id: string;
  /** Its place among the calls of its message. */
  index: number;
  name: string;
}

/** What the model emits in one step. A call's name comes before its arguments, as a token of its own. */
export type Token =
  | { field: 'reasoning' | 'content'; text: string }
  | { field: 'call'; text: ''; call: ToolCall }
  | { field: 'arguments'; text: string; call: ToolCall };

/** One choice of the model's reply, cut into tokens and not yet in any dialect. */
export interface Generation {
  index: number;
  id: string;
  promptTokens: number;
  tokens: Token[];
  /** Without it, the content is null even in a reply that has ended. */
  hasContent: boolean;
  hasReasoning: boolean;
  finishReason: string;
  matchedStop: string | number | null;
}

/** What a choice says, before it is known whose it is. */
type Said = Omit<Generation, 'index' | 'id' | 'promptTokens'>;

type Calls = NonNullable<ScriptedChoice['toolCalls']>;

/** Qwen3's `<|im_end|>`. */
const END_TOKEN_ID = 151645;

/** SGLang stops this many tokens short of the context. */
const RESERVED_TOKENS = 2;

/** Makes up the choice of a reply that has this index, in the stub's own words where the script has none. */
export function generate(
  request: GenerationRequest,
  index: number,
  script: ScriptedReply,
  contextLength: number,
): Generation {
  const prompt = promptOf(request, index);
  const promptTokens = script.promptTokens ?? prompt.tokens;
  const choice = { ...script, ...choiceScript(script, index) };
  const whole = say(request, prompt, index, choice);
  const id = request.ids[index] ?? '';
  const generation: Generation = { ...whole, index, id, promptTokens };
  const room = roomFor(request, prompt, contextLength);
  const fitting = countTokens(generation) > room ? endEarly(generation, room, 'length') : generation;
  const finishReason = choice.finishReason ?? fitting.finishReason;
  const matchedStop = isEndedByToken(finishReason) ? fitting.matchedStop : null;
  return {
    ...fitting,
    finishReason,
    matchedStop: choice.matchedStop === undefined ? matchedStop : choice.matchedStop,
  };
}

/** The most tokens that a reply to the prompt may have. */
function roomFor({ maxTokens }: GenerationRequest, prompt: Prompt, contextLength: number): number {
  return maxTokens ?? Math.max(0, contextLength - prompt.tokens - RESERVED_TOKENS);
}

/** The prompt that the choice with this index answers. */
export function promptOf({ prompts, n }: GenerationRequest, index: number): Prompt {
  return prompts[Math.floor(index / n)] ?? { messages: [], tokens: 0 };
}

function choiceScript({ choices }: ScriptedReply, index: number): ScriptedChoice {
  return Array.isArray(choices) ? (choices[index] ?? choices.at(-1) ?? {}) : {};
}

function say(request: GenerationRequest, prompt: Prompt, index: number, choice: ScriptedChoice): Said {
  const calls = callsOf(request, prompt, choice);
  const text = choice.content === undefined ? ownText(request, prompt, index, calls) : choice.content;
  const stop = text === null ? undefined : firstStop(text, request.stop);
  return {
    tokens: [
      ...textTokens('reasoning', choice.reasoning ?? ''),
      ...textTokens('content', text?.slice(0, stop?.position) ?? ''),
      ...calls.flatMap(({ name, arguments: json }, at) => callTokens(name, json, at)),
    ],
    hasContent: text !== null,
    hasReasoning: Boolean(choice.reasoning),
    finishReason: calls.length > 0 ? 'tool_calls' : 'stop',
    matchedStop: stop?.text ?? END_TOKEN_ID,
  };
}

function callsOf(request: GenerationRequest, prompt: Prompt, choice: ScriptedChoice): Calls {
  if (choice.toolCalls) return choice.toolCalls;
  if (!request.tool || choice.content !== undefined) return [];
  const { name, parameters } = request.tool;
  return [{ name, arguments: composeArguments(prompt.messages, parameters) }];
}

function ownText({ schema, n }: GenerationRequest, prompt: Prompt, index: number, calls: Calls): string {
  if (calls.length > 0) return '';
  const text = composeReply(prompt.messages, schema);
  const turn = index % n;
  // Who asks for several choices wants to see them differ, and JSON cannot be added to.
  return turn === 0 || schema ? text : `${text} (${turn + 1}/${n})`;
}

function textTokens(field: 'reasoning' | 'content', text: string): Token[] {
  return splitTokens(text).map((piece) => ({ field, text: piece }));
}

function callTokens(name: string, json: string, index: number): Token[] {
  const call = { id: `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`, index, name };
  const pieces = splitTokens(json).map((text): Token => ({ field: 'arguments', text, call }));
  return [{ field: 'call', text: '', call }, ...pieces];
}

/** Counts as the engines do: the end token is one of the completion's. */
export function countTokens({ tokens, finishReason }: Generation): number {
  return tokens.length + (isEndedByToken(finishReason) ? 1 : 0);
}

export function countReasoning({ tokens }: Generation): number {
  return tokens.filter(({ field }) => field === 'reasoning').length;
}

function isEndedByToken(finishReason: string): boolean {
  return finishReason === 'stop' || finishReason === 'tool_calls';
}

/** The same generation, ended after its first `count` tokens. */
export function endEarly(generation: Generation, count: number, finishReason: string): Generation {
  const tokens = generation.tokens.slice(0, count);
  return { ...generation, tokens, finishReason, matchedStop: null };
}

/** The text of a generation; null where it has none at all. */
export function contentOf({ tokens, hasContent }: Generation): string | null {
  return hasContent ? join(tokens, 'content') : null;
}

export function reasoningOf({ tokens, hasReasoning }: Generation): string | null {
  return hasReasoning ? join(tokens, 'reasoning') : null;
}

/** The calls of a generation, with their arguments as far as they were generated. */
export function toolCallsOf({ tokens }: Generation): (ToolCall & { arguments: string })[] {
  return tokens
    .filter((token) => token.field === 'call')
    .map(({ call }) => {
      const pieces = tokens.filter((token) => token.field === 'arguments' && token.call === call);
      return { ...call, arguments: pieces.map(({ text }) => text).join('') };
    });
}

function join(tokens: Token[], field: Token['field']): string {
  let text = '';
  for (const token of tokens) if (token.field === field) text += token.text;
  return text;
}

function firstStop(text: string, stops: string[]): { text: string; position: number } | undefined {
  return stops
    .filter((stop) => stop !== '')
    .map((stop) => ({ text: stop, position: text.indexOf(stop) }))
    .filter(({ position }) => position >= 0)
    .sort((a, b) => a.position - b.position)[0];
}

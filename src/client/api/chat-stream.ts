import type { ChatPiece } from './answers.js';
import { CallFailed } from './call-failed.js';
import { choiceOf, type Completion, errorOf, textOrNull, tokensOf, wordsOf } from './completion.js';
import { cut, parseData, readEvents } from './event-stream.js';
import { readError, refusal } from './server-error.js';
import type { StreamedAnswer } from './wire-answer.js';

/** What ends every stream of OpenAI's protocol. */
const DONE = '[DONE]';

/**
 * Reads the stream of /v1/chat/completions. What a model thinks is no part of its message.
 * @throws CallFailed for an error in the stream, and for one that ends too early
 */
export async function* readChat(
  answer: StreamedAnswer,
  root: string,
): AsyncGenerator<ChatPiece, void, undefined> {
  const end = { type: 'end' as const, model: textOrNull(answer.headers['x-model']), ...NOTHING };
  for await (const { data } of readEvents(answer, root)) {
    if (data.trim().toUpperCase() === DONE) {
      answer.leaveEnd();
      if (end.finishReason === 'abort') throw brokenOff(root);
      yield end;
      return;
    }
    const chunk: Completion | undefined = parseData(data, root);
    if (!chunk) continue;
    const error = errorOf(chunk);
    if (error !== undefined) throw refusal(readError(error, undefined, {}), root);
    const choice = choiceOf(chunk);
    const text = wordsOf(choice?.delta?.content) ?? textOrNull(choice?.delta?.refusal);
    if (text) yield { type: 'text', text };
    const { promptTokens, completionTokens } = tokensOf(chunk);
    end.model = textOrNull(chunk.model) ?? end.model;
    end.finishReason = textOrNull(choice?.finish_reason) ?? end.finishReason;
    end.promptTokens = promptTokens ?? end.promptTokens;
    end.completionTokens = completionTokens ?? end.completionTokens;
  }
  throw cut(root);
}

/** An answer that the engine itself did not go on with. */
function brokenOff(root: string): CallFailed {
  return new CallFailed('refused', `${root} broke the answer off: ask again.`, { passing: true });
}

const NOTHING: {
  finishReason: string | null;
  promptTokens: number | null;
  completionTokens: number | null;
} = { finishReason: null, promptTokens: null, completionTokens: null };

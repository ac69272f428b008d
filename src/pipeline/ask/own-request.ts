import type { Call } from '../../calls/call.js';
import type { ChatMessage, OwnRequest, Sampling } from '../../engine/engine-request.js';
import type { CallOptions } from '../call-options.js';
import { NO_THINKING_SAMPLING, type Task, THINKING_SAMPLING } from '../define-task.js';

/** The request of a question of the service's own, with every sampling field that its task and its caller name. */
export function ownRequest(
  { settings, sink, question }: Call,
  task: Task,
  options: CallOptions,
  messages: readonly ChatMessage[],
  maxTokens: number,
): OwnRequest {
  const sampling: Sampling = {
    ...(options.temperature !== undefined && { temperature: options.temperature }),
    ...(options.topP !== undefined && { topP: options.topP }),
    ...(options.seed !== undefined && { seed: options.seed }),
    ...(options.stop && { stop: options.stop }),
  };
  const temperature = task.temperature ?? settings.defaultTemperature;
  const fixed = task.thinking ? THINKING_SAMPLING : NO_THINKING_SAMPLING;
  return {
    model: question.model ?? settings.modelName,
    messages,
    sampling,
    samplingDefaults: { temperature, ...fixed },
    maxTokens,
    reasoningTokens: task.reasoningTokens,
    thinking: task.thinking,
    delivery: sink ? 'stream' : task.delivery,
  };
}

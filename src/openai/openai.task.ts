import { defineTextTask } from '../pipeline/define-task.js';

/** How OpenAI's requests are passed on: whole or streamed, as their callers ask. */
const PASSED_ON = { lane: 'interactive', delivery: 'whole', thinking: false } as const;

export const chatTask = defineTextTask({ ...PASSED_ON, name: 'v1_chat' });

export const completionTask = defineTextTask({
  ...PASSED_ON,
  name: 'v1_completions',
  operation: 'text_completion',
});

export const embeddingTask = defineTextTask({ ...PASSED_ON, name: 'v1_embeddings', operation: 'embeddings' });

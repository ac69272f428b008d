import { defineTextTask } from '../pipeline/define-task.js';

/** Free text of any kind: its tokens and temperature are the service's defaults. */
const TEXT = { lane: 'interactive', delivery: 'stream', thinking: false } as const;

/** A conversation. */
export const chatTask = defineTextTask({
  ...TEXT,
  name: 'chat',
  examples: {
    '/api/chat/completions': {
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'user', content: 'Hello!' },
      ],
      temperature: 0.7,
      max_tokens: 1000,
    },
  },
});

/** One message, after a prompt of the service's own. */
export const messageTask = defineTextTask({
  ...TEXT,
  name: 'chat_message',
  examples: { '/chat': { message: 'LLMOps가 뭐야?', prompt_version: 'v1' } },
});

/** One prompt, asked as it is. */
export const promptTask = defineTextTask({
  ...TEXT,
  name: 'chat_prompt',
  examples: {
    '/api/chat': {
      prompt: 'Explain what LLM-Quality-Observer is in one sentence.',
      user_id: 'test-user',
      model_version: null,
    },
  },
});

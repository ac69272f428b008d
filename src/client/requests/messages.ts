import type { Readable } from 'node:stream';
import { wrongUse } from '../faults/fault.js';
import { PromptSource } from '../prompts/prompt-source.js';
import type { Language } from '../text.js';

/** Messages that are held at once; calls one after the other take hours for as many. */
const MOST_MESSAGES = 100_000;

/** What is sent where no file says it. */
export const DEFAULT_MESSAGES: Readonly<Record<Language, readonly string[]>> = {
  en: [
    'What is LLMOps?',
    'Why are prompts given versions?',
    'How is the latency of a language model measured?',
    'What should be in the log of every call?',
    'How do I compare two prompts fairly?',
    'When does a model have to be trained again?',
  ],
  ko: [
    'LLMOps가 뭐야?',
    '프롬프트에 버전을 매기는 이유가 뭐야?',
    'LLM의 응답 시간은 어떻게 측정해?',
    '호출 로그에는 무엇을 남겨야 해?',
    '두 프롬프트를 공정하게 비교하려면 어떻게 해야 해?',
    '모델은 언제 다시 학습시켜야 해?',
  ],
};

/** @throws ClientFault where the file holds something other than texts */
export async function readMessages(file: string, stdin: Readable): Promise<readonly string[]> {
  const source = await PromptSource.open(file, { stdin });
  const messages: string[] = [];
  for await (const requests of source.read()) {
    for (const { prompt } of requests) {
      if (prompt === undefined)
        throw wrongUse(`${source.name} holds conversations; /chat takes single messages, so write texts.`);
      messages.push(prompt);
    }
    if (messages.length > MOST_MESSAGES)
      throw wrongUse(`${source.name} holds more than ${MOST_MESSAGES} messages; use generate for so many.`);
  }
  return messages;
}

import { type Dialogue, readDialogue } from './read-dialogue.js';
import { oneLine } from './text.js';
import type { ChatMessage } from '../types.js';

export type Language = 'ko' | 'en';

/** What the stub understands of a prompt. */
export interface Interview extends Dialogue {
  language: Language;
  /** Questions listed in the system prompt, in order. */
  preparedQuestions: string[];
  /** The score from which an answer passes. */
  passMark: number;
}

const DEFAULT_PASS_MARK = 6;
const MOST_PREPARED_QUESTIONS = 50;
const LANGUAGE_SAMPLE = 10_000;

const QUESTIONS_HEADING = /질문|questions?/i;
const NUMBER = /^\d{1,3}[.)]\s{1,4}/;
const PASS_MARK = /(?:pass[ _-]?mark|합격 ?(?:기준|점수))[\s:：=]{0,4}(\d{1,3})/i;

/** Finds the interview in a prompt: who said what, what is still to be asked, and what counts as a pass. */
export function readInterview(messages: readonly ChatMessage[]): Interview {
  const system = contentsOf(messages, 'system').join('\n');
  const users = contentsOf(messages, 'user');
  const user = users.at(-1) ?? '';
  // A request to repair the last reply is a user message too, and has no interview in it.
  const dialogue = users.map(readDialogue).findLast((found) => found !== undefined);
  return {
    ...(dialogue ?? { exchanges: [{ question: '', answer: oneLine(user) }], isTimeUp: false }),
    language: languageOf(user.trim() === '' ? system : user),
    preparedQuestions: readPreparedQuestions(system),
    passMark: Number(PASS_MARK.exec([system, ...users].join('\n'))?.[1] ?? DEFAULT_PASS_MARK),
  };
}

/** Korean on these subjects is full of English terms, so one Hangul syllable to four letters is Korean. */
function languageOf(text: string): Language {
  const sample = text.slice(0, LANGUAGE_SAMPLE);
  const hangul = sample.match(/\p{Script=Hangul}/gu)?.length ?? 0;
  const latin = sample.match(/[a-z]/gi)?.length ?? 0;
  return hangul > 0 && hangul * 4 >= latin ? 'ko' : 'en';
}

function contentsOf(messages: readonly ChatMessage[], role: string): string[] {
  return messages.filter((message) => message.role === role).map(({ content }) => content);
}

/** Rules may be numbered too: only a list under a heading that mentions questions counts. */
function readPreparedQuestions(system: string): string[] {
  const questions: string[] = [];
  let isUnderHeading = false;
  for (const line of system.split('\n').map(oneLine)) {
    const number = NUMBER.exec(line)?.[0];
    if (number !== undefined) {
      if (isUnderHeading) questions.push(line.slice(number.length));
    } else if (line !== '') {
      isUnderHeading = QUESTIONS_HEADING.test(line);
    }
  }
  return questions.slice(0, MOST_PREPARED_QUESTIONS);
}

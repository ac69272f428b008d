import { oneLine } from './text.js';

/** A question and what the candidate said to it. */
export interface Exchange {
  question: string;
  answer: string;
}

export interface Dialogue {
  /** Oldest first, at least one. */
  exchanges: [Exchange, ...Exchange[]];
  /** Whether the moderator's last line says that time is up. */
  isTimeUp: boolean;
}

type Speaker = 'question' | 'answer' | 'moderator';

/** Longer dialogues are read from their end, so that the work stays linear in the size of the prompt. */
const MOST_EXCHANGES = 50;

// Labels are looked for in the head of a line only: an answer may be a megabyte long.
const HEAD_LENGTH = 40;
const LABELS: [Speaker, RegExp][] = [
  ['question', label('면접관|질문|interviewer|question|q')],
  ['answer', label("지원자|답변|(?:(?:user|candidate)'s )?answer|candidate|a")],
  ['moderator', label('진행자|moderator')],
];
const TIME_IS_UP = /시간이 (?:모두 |다 )?(?:끝|종료|되)|time (?:is up|has run out)/i;

/** Reads labelled lines such as `면접관: …`, `A1. …` or `**Candidate**: …`; undefined when nobody is labelled. */
export function readDialogue(text: string): Dialogue | undefined {
  const exchanges: Exchange[] = [];
  let speaker: Speaker | undefined;
  let isTimeUp = false;
  for (const line of text.split('\n')) {
    const { speaker: next = speaker, words } = readLine(line.trim());
    const isNewQuestion = next === 'question' && speaker !== 'question';
    speaker = next;
    if (speaker === undefined) continue;
    if (speaker === 'moderator') {
      isTimeUp = TIME_IS_UP.test(words);
      continue;
    }
    let current = exchanges.at(-1);
    if (current === undefined || isNewQuestion) exchanges.push((current = { question: '', answer: '' }));
    current[speaker] += ` ${words}`;
  }
  const [first, ...rest] = exchanges.slice(-MOST_EXCHANGES).map(tidy);
  return first && { exchanges: [first, ...rest], isTimeUp };
}

function label(names: string): RegExp {
  return new RegExp(`^[-*#[ ]{0,4}(?:${names}) ?#?\\d{0,3}[\\]* ]{0,3}[:：.)][* ]{0,3}`, 'i');
}

/** A line without a label goes on with what the last speaker said. */
function readLine(line: string): { speaker: Speaker | undefined; words: string } {
  const head = line.slice(0, HEAD_LENGTH);
  for (const [speaker, pattern] of LABELS) {
    const match = pattern.exec(head);
    if (match) return { speaker, words: line.slice(match[0].length) };
  }
  return { speaker: undefined, words: line };
}

function tidy({ question, answer }: Exchange): Exchange {
  return { question: oneLine(question), answer: oneLine(answer) };
}

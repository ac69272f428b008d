import { readFileSync } from 'node:fs';

export type Language = 'ko' | 'en';
type Quality = 'good' | 'thin' | 'evasive';
export type Action = 'FOLLOW_UP' | 'NEW_TOPIC' | 'NEXT_PHASE';

/** A question the interviewer prepared, with the candidate's answer to it and to a follow-up. */
interface PreparedQuestion {
  topic: string;
  question: string;
  answer: string;
  quality: Quality;
  follow_up_answer: string;
  follow_up_quality: Quality;
}

/** One example file: everything needed to play an interview, whatever the engine decides. */
export interface Interview {
  title: string;
  language: Language;
  company: string;
  position: string;
  candidate: string;
  pass_mark: number;
  /** Prompts as arrays of lines, so that the file reads like the prompt. */
  system_prompts: { step: string[]; feedback: string[]; report: string[] };
  /** What the moderator says when the last turn has been played. */
  time_is_up: string;
  /** The candidate's answer to a second follow-up on one question. */
  nothing_to_add: string;
  questions: [PreparedQuestion, ...PreparedQuestion[]];
}

/** One question asked and answered. */
export interface Turn {
  /** Which of the prepared questions the turn is about, from 0. */
  topicIndex: number;
  isFollowUp: boolean;
  question: string;
  answer: string;
}

/** What the service decided after a turn. */
export interface Decision {
  action: Action;
  message: string;
}

/** The part of a request's body that every task shares. */
export interface Prompts {
  system_prompt: string;
  user_prompt: string;
}

const LABELS = {
  ko: {
    interviewer: '면접관',
    candidate: '지원자',
    moderator: '진행자',
    question: '질문',
    answer: '답변',
  },
  en: {
    interviewer: 'Interviewer',
    candidate: 'Candidate',
    moderator: 'Moderator',
    question: 'Question',
    answer: 'Answer',
  },
} as const;

/** Reads the example interview of a language from this folder. */
export function loadInterview(language: Language): Interview {
  const file = new URL(`interview.${language}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Interview;
}

/** The turn every interview starts with: the first prepared question. */
export function firstTurn({ questions: [first] }: Interview): Turn {
  return { topicIndex: 0, isFollowUp: false, question: first.question, answer: first.answer };
}

/** The turn that follows a decision; undefined when the interview is over. */
export function nextTurn(interview: Interview, last: Turn, decision: Decision): Turn | undefined {
  if (decision.action === 'NEXT_PHASE') return undefined;
  const isFollowUp = decision.action === 'FOLLOW_UP';
  const topicIndex = isFollowUp ? last.topicIndex : last.topicIndex + 1;
  const prepared = interview.questions[topicIndex];
  if (prepared === undefined) return undefined;
  const followUpAnswer = last.isFollowUp ? interview.nothing_to_add : prepared.follow_up_answer;
  const answer = isFollowUp ? followUpAnswer : prepared.answer;
  return { topicIndex, isFollowUp, question: decision.message, answer };
}

/** The interview so far, one line per speaker. Each turn only appends, which keeps an engine's prefix cache warm. */
export function transcript({ language }: Interview, turns: readonly Turn[]): string {
  const { interviewer, candidate } = LABELS[language];
  return dialogue(turns, interviewer, candidate);
}

/** Prompts of the decision that follows the last of the turns. */
export function stepPrompts(interview: Interview, turns: readonly Turn[], isTimeUp = false): Prompts {
  const questions = interview.questions.map(({ question }, index) => `${index + 1}. ${question}`);
  const moderator = `${LABELS[interview.language].moderator}: ${interview.time_is_up}`;
  return {
    system_prompt: [...interview.system_prompts.step, ...questions].join('\n'),
    user_prompt: [transcript(interview, turns), ...(isTimeUp ? [moderator] : [])].join('\n'),
  };
}

/** Prompts of the feedback on the last of the turns; a follow-up is shown with the question it follows. */
export function feedbackPrompts(interview: Interview, turns: readonly Turn[]): Prompts {
  const { question, answer } = LABELS[interview.language];
  const topicIndex = turns.at(-1)?.topicIndex;
  return {
    system_prompt: interview.system_prompts.feedback.join('\n'),
    user_prompt: dialogue(
      turns.filter((turn) => turn.topicIndex === topicIndex),
      question,
      answer,
    ),
  };
}

/** Prompts of the report on the whole interview. */
export function reportPrompts(interview: Interview, turns: readonly Turn[]): Prompts {
  return {
    system_prompt: interview.system_prompts.report.join('\n'),
    user_prompt: transcript(interview, turns),
  };
}

function dialogue(turns: readonly Turn[], asks: string, answers: string): string {
  return turns
    .flatMap(({ question, answer }) => [`${asks}: ${oneLine(question)}`, `${answers}: ${oneLine(answer)}`])
    .join('\n');
}

/** A model may break its message into lines; in a transcript, a line is a speaker. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

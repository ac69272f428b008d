import type { Script } from './script.js';
import { type Language, oneLine } from '../text.js';

/** One question asked and answered. */
export interface Turn {
  readonly isFollowUp: boolean;
  readonly question: string;
  readonly answer: string;
}

/** The part of a request's body that every task shares. */
export interface TaskPrompts {
  readonly system_prompt: string;
  readonly user_prompt: string;
}

/** Who speaks, as the prompts and the record name them. */
export const SPEAKERS: Readonly<
  Record<
    Language,
    Readonly<Record<'interviewer' | 'candidate' | 'moderator' | 'question' | 'answer', string>>
  >
> = {
  en: {
    interviewer: 'Interviewer',
    candidate: 'Candidate',
    moderator: 'Moderator',
    question: 'Question',
    answer: 'Answer',
  },
  ko: {
    interviewer: '면접관',
    candidate: '지원자',
    moderator: '진행자',
    question: '질문',
    answer: '답변',
  },
};

/** Prompts of the decision behind the last of the turns. Each only appends, which keeps an engine's prefix cache warm. */
export function stepPrompts(script: Script, turns: readonly Turn[], isTimeUp: boolean): TaskPrompts {
  const moderator = `${SPEAKERS[script.language].moderator}: ${script.timeIsUp}`;
  return {
    system_prompt: script.systemPrompts.step,
    user_prompt: [transcript(script, turns), ...(isTimeUp ? [moderator] : [])].join('\n'),
  };
}

/** Prompts of the feedback on the last of the turns; a follow-up is shown with the question that it follows. */
export function feedbackPrompts({ language, systemPrompts }: Script, turns: readonly Turn[]): TaskPrompts {
  const { question, answer } = SPEAKERS[language];
  const topic = turns.slice(turns.findLastIndex(({ isFollowUp }) => !isFollowUp));
  return { system_prompt: systemPrompts.feedback, user_prompt: dialogue(topic, question, answer) };
}

/** Prompts of the report on the whole interview. */
export function reportPrompts(script: Script, turns: readonly Turn[]): TaskPrompts {
  return { system_prompt: script.systemPrompts.report, user_prompt: transcript(script, turns) };
}

function transcript({ language }: Script, turns: readonly Turn[]): string {
  const { interviewer, candidate } = SPEAKERS[language];
  return dialogue(turns, interviewer, candidate);
}

/** In it a line is a speaker: what somebody says in several lines cannot pass for somebody else. */
function dialogue(turns: readonly Turn[], asks: string, answers: string): string {
  return turns
    .flatMap(({ question, answer }) => [`${asks}: ${oneLine(question)}`, `${answers}: ${oneLine(answer)}`])
    .join('\n');
}

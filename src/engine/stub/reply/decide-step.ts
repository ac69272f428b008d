import type { Quality } from './judge-answer.js';
import type { Interview } from './read-interview.js';

/** What the interviewer does after an answer, and why. */
export type Step =
  | { action: 'FOLLOW_UP' }
  | { action: 'NEW_TOPIC'; question: string; isFollowUpSpent: boolean }
  | { action: 'NEXT_PHASE'; isTimeUp: boolean };

/** One follow-up for an answer that is not good; else the next prepared question; the end when none is left. */
export function decideStep(interview: Interview, quality: Quality, defaultQuestions: string[]): Step {
  const { preparedQuestions, exchanges, isTimeUp } = interview;
  const questions = preparedQuestions.length > 0 ? preparedQuestions : defaultQuestions;
  const { questionIndex, isFollowUpSpent } = placeIn(exchanges, questions);
  if (isTimeUp) return { action: 'NEXT_PHASE', isTimeUp };
  if (quality !== 'good' && !isFollowUpSpent) return { action: 'FOLLOW_UP' };
  const question = questions[questionIndex + 1];
  if (question === undefined) return { action: 'NEXT_PHASE', isTimeUp };
  return { action: 'NEW_TOPIC', question, isFollowUpSpent };
}

/** The prepared question asked last (-1 when none was), and whether it was already followed up. */
function placeIn(exchanges: Interview['exchanges'], questions: string[]) {
  for (const [index, { question: spoken }] of [...exchanges.entries()].reverse()) {
    const questionIndex = questions.findLastIndex((question) => spoken.includes(question));
    if (questionIndex >= 0) return { questionIndex, isFollowUpSpent: index < exchanges.length - 1 };
  }
  return { questionIndex: -1, isFollowUpSpent: exchanges.length > 1 };
}

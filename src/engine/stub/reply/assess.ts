import type { Assessment } from './assessment.js';
import { judgeAnswer } from './judge-answer.js';
import type { Phrases } from './phrases.js';
import type { Exchange } from './read-dialogue.js';
import type { Language } from './read-interview.js';
import { clip } from './text.js';
import { quotesSomething, topicOf } from './topic.js';

const QUOTE_LENGTH = 60;
const SUMMARY_LENGTH = 90;

/** Assesses exchanges in order: a follow-up is about what the question before it was about. */
export function assess(exchanges: readonly Exchange[], language: Language, phrases: Phrases): Assessment[] {
  const assessments: Assessment[] = [];
  for (const { question: spoken, answer } of exchanges) {
    const question = withoutLeadIn(spoken, Object.values(phrases.leadIns).flat());
    const followed = quotesSomething(question) ? assessments.at(-1) : undefined;
    assessments.push({
      question,
      topic: followed?.topic ?? phrases.nameTopic(topicOf(question, language)),
      quote: lastClause(answer),
      answerSummary: clip(answer, SUMMARY_LENGTH),
      judgement: judgeAnswer({ question, answer }, language),
    });
  }
  return assessments;
}

function withoutLeadIn(question: string, leadIns: string[]): string {
  const leadIn = leadIns.find((words) => question.startsWith(words));
  return question.slice(leadIn?.length ?? 0).trim();
}

function lastClause(answer: string): string {
  const end = answer.slice(-4 * QUOTE_LENGTH).toWellFormed();
  const clause = end.split(/[.,!?]+(?:\s|$)/).findLast((words) => words !== '');
  return clip(clause ?? '', QUOTE_LENGTH);
}

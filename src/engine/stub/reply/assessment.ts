import type { Judgement } from './judge-answer.js';

/** An exchange with everything the phrases say about it. */
export interface Assessment {
  /** The question without the interviewer's words that led to it. */
  question: string;
  /** What the question is about, ready to stand in a sentence. */
  topic: string;
  /** The candidate's last clause, to be taken up in a follow-up. */
  quote: string;
  answerSummary: string;
  judgement: Judgement;
}

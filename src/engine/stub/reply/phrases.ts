import type { Assessment } from './assessment.js';
import type { Step } from './decide-step.js';
import type { Gap, Quality } from './judge-answer.js';

/** Everything the stub can say in a language. */
export interface Phrases {
  /** Asked when the prompt lists no questions. */
  defaultQuestions: string[];
  /** Said before the next question, by the quality of the answer just heard; two, to take turns. */
  leadIns: Record<Quality, [string, string]>;
  /** Advice to the candidate, by what the answer lacked. */
  improvements: Record<Gap | 'none', string>;
  /** What to practise, by what the answers lacked. */
  recommendations: Record<Gap | 'none', string>;
  noStrength: string;
  noImprovement: string;
  /** What a question is about, quoted; or words for a question that names nothing. */
  nameTopic: (topic: string | undefined) => string;
  followUp: (assessment: Assessment) => string;
  closing: (isTimeUp: boolean) => string;
  thought: (assessment: Assessment, step: Step) => string;
  evaluation: (assessment: Assessment) => string;
  feedback: (assessment: Assessment) => string;
  strength: (assessment: Assessment) => string;
  improvement: (assessment: Assessment) => string;
  summary: (assessments: readonly Assessment[]) => string;
  /** The reply to a chat message that asks for no JSON. */
  chat: (message: string) => string;
  /** A value for a field the stub knows nothing about. */
  sample: (name: string) => string;
}

import { assess } from './assess.js';
import type { Assessment } from './assessment.js';
import { decideStep, type Step } from './decide-step.js';
import { EXCELLENT_SCORE, type Gap } from './judge-answer.js';
import type { JsonObject } from '../json.js';
import { PHRASES } from './phrasebook.js';
import type { Phrases } from './phrases.js';
import type { Interview } from './read-interview.js';

const MOST_POINTS = 3;

/** The values of the fields that the service's tasks ask for, by name. */
export function knownValues(interview: Interview): JsonObject {
  const { exchanges, language } = interview;
  const phrases = PHRASES[language];
  const assessments = assess(exchanges, language, phrases);
  const last = assessments.at(-1);
  if (last === undefined) return {};
  return {
    ...stepValues(interview, last, phrases),
    ...feedbackValues(last, interview.passMark, phrases),
    ...reportValues(assessments, phrases),
    question: last.question,
    answer_summary: last.answerSummary,
  };
}

function stepValues(interview: Interview, last: Assessment, phrases: Phrases): JsonObject {
  const step = decideStep(interview, last.judgement.quality, phrases.defaultQuestions);
  return {
    thought: phrases.thought(last, step),
    action: step.action,
    message: messageOf(step, last, phrases, interview.exchanges.length),
    evaluation: phrases.evaluation(last),
  };
}

function messageOf(step: Step, last: Assessment, phrases: Phrases, exchangeCount: number): string {
  switch (step.action) {
    case 'FOLLOW_UP':
      return phrases.followUp(last);
    case 'NEW_TOPIC':
      return `${phrases.leadIns[last.judgement.quality][exchangeCount % 2 === 1 ? 0 : 1]} ${step.question}`;
    case 'NEXT_PHASE':
      return phrases.closing(step.isTimeUp);
  }
}

function feedbackValues(last: Assessment, passMark: number, phrases: Phrases): JsonObject {
  const { score, gaps } = last.judgement;
  return {
    feedback: phrases.feedback(last),
    score,
    is_passed: score >= passMark,
    improvement_suggestion: phrases.improvements[gaps[0] ?? (score < EXCELLENT_SCORE ? 'reasons' : 'none')],
  };
}

function reportValues(assessments: Assessment[], phrases: Phrases): JsonObject {
  const byScore = assessments.toSorted((a, b) => b.judgement.score - a.judgement.score);
  const good = byScore.filter(({ judgement }) => judgement.quality === 'good');
  const goodTopics = new Set(good.map(({ topic }) => topic));
  const weakest = byScore.filter(({ topic }) => !goodTopics.has(topic)).reverse();
  const total = assessments.reduce((sum, { judgement }) => sum + judgement.score, 0);
  return {
    summary: phrases.summary(assessments),
    strengths: some(good.map(phrases.strength), phrases.noStrength),
    improvements: some(weakest.map(phrases.improvement), phrases.noImprovement),
    recommendations: some(
      gapsOf(assessments).map((gap) => phrases.recommendations[gap]),
      phrases.recommendations.none,
    ),
    overall_score: Math.round((total * 10) / assessments.length),
    question_feedbacks: assessments.map((assessment) => ({
      question: assessment.question,
      answer_summary: assessment.answerSummary,
      score: assessment.judgement.score,
      feedback: phrases.feedback(assessment),
    })),
  };
}

function gapsOf(assessments: Assessment[]): Gap[] {
  const weak = assessments.filter(({ judgement }) => judgement.quality !== 'good');
  return [...new Set(weak.flatMap(({ judgement }) => judgement.gaps))];
}

function some(points: string[], otherwise: string): string[] {
  return points.length > 0 ? [...new Set(points)].slice(0, MOST_POINTS) : [otherwise];
}

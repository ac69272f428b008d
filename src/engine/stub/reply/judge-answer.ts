import { LEXICON } from './lexicon.js';
import type { Exchange } from './read-dialogue.js';
import type { Language } from './read-interview.js';
import { keywordsOf } from './topic.js';

export type Quality = 'good' | 'thin' | 'evasive';

/** What an answer lacks, the gravest first. */
export type Gap = 'evasive' | 'figures' | 'reasons' | 'length' | 'relevance';

/** What the rules found in an answer. */
export interface Judgement {
  /** 0 to 10. */
  score: number;
  quality: Quality;
  gaps: Gap[];
  length: number;
  /** The different numbers in the answer; those with a unit first, as they say more. */
  figures: string[];
  /** The first words that avoid the question. */
  evasion: string | undefined;
}

/** The score from which an answer leaves nothing to ask for. */
export const EXCELLENT_SCORE = 9;

/** The score from which an answer needs no follow-up. */
const GOOD_SCORE = 6;

// How much of each finding earns 1, 2, 3… points; together they make 10.
const LENGTH_STEPS = [60, 200, 600];
const FIGURE_STEPS = [1, 2, 4];
const REASON_STEPS = [1, 3];
const KEYWORD_STEPS = [1, 3];
const EVASION_PENALTY = 3;

/** A Hangul syllable says about as much as two letters. */
const HANGUL_WEIGHT = 2;

/** Judges an answer by rule: its length, figures, reasons, words of the question, and evasive phrases. */
export function judgeAnswer({ question, answer }: Exchange, language: Language): Judgement {
  const lexicon = LEXICON[language];
  const figures = distinct(answer, lexicon.figure).sort((a, b) => Number(hasUnit(b)) - Number(hasUnit(a)));
  const evasions = distinct(answer, lexicon.evasion);
  const lowerCased = answer.toLowerCase();
  const keywords = keywordsOf(question, language);
  const found = keywords.filter((keyword) => lowerCased.includes(keyword));
  const points = {
    length: pointsFor(weightOf(answer), LENGTH_STEPS),
    figures: pointsFor(figures.length, FIGURE_STEPS),
    reasons: pointsFor(distinct(answer, lexicon.reason).length, REASON_STEPS),
    relevance: keywords.length === 0 ? 1 : pointsFor(found.length, KEYWORD_STEPS),
  };
  const earned = points.length + points.figures + points.reasons + points.relevance;
  const score = Math.max(0, earned - EVASION_PENALTY * evasions.length);
  const missing = (['figures', 'reasons', 'length', 'relevance'] as const).filter((gap) => points[gap] === 0);
  return {
    score,
    quality: score >= GOOD_SCORE ? 'good' : evasions.length > 0 ? 'evasive' : 'thin',
    gaps: evasions.length > 0 ? ['evasive', ...missing] : missing,
    length: answer.length,
    figures,
    evasion: evasions[0],
  };
}

function pointsFor(amount: number, steps: number[]): number {
  return steps.filter((step) => amount >= step).length;
}

function weightOf(answer: string): number {
  const hangul = answer.match(/\p{Script=Hangul}/gu)?.length ?? 0;
  return answer.length + hangul * (HANGUL_WEIGHT - 1);
}

function hasUnit(figure: string): boolean {
  return /\D$/.test(figure);
}

function distinct(text: string, pattern: RegExp): string[] {
  return [...new Set(text.match(pattern))];
}

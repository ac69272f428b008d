import { LEXICON } from './lexicon.js';
import type { Language } from './read-interview.js';

/** A question is read this far; the rest of a longer one is ignored. */
const QUESTION_LENGTH = 1_000;
const MOST_KEYWORDS = 12;
const MOST_TOPIC_WORDS = 3;

const KOREAN_PARTICLE = /(?:에서|에게|으로|이나|까지|부터|처럼|보다|은|는|이|가|을|를|의|에|로|와|과|도|만)$/;
const SUBJECT_OR_OBJECT = /^(.{1,20}?)(?:은|는|이|가|을|를)$/;
const ADVERB_OR_PARTICIPLE = /(?:ly|ed)$/;
const VERB_STEM = /(?:하|되|있|없|르|쓰|나|오)$/;
/** How verbs end, and nouns that already carry a particle: no part of a noun phrase. */
const KOREAN_ENDING =
  /(?:[은는을를이가의에로고면며던한할된될인운린긴런요다까죠게듯도과와]|[해돼에아어워려와져여나]서)$/;

/** The words of a question that an answer to it is likely to use, in lower case and without endings. */
export function keywordsOf(question: string, language: Language): string[] {
  const words = wordsOf(question).map((word) =>
    language === 'ko' ? word.replace(KOREAN_PARTICLE, '') : word.replace(/(?:'s|s)$/, ''),
  );
  const shortest = language === 'ko' ? 2 : 4;
  const { stopWords } = LEXICON[language];
  const keywords = words.filter((word) => word.length >= shortest && !stopWords.has(word));
  return [...new Set(keywords)].slice(0, MOST_KEYWORDS);
}

/** The longest noun phrase of a question, such as `커넥션 풀`; undefined when there is none. */
export function topicOf(question: string, language: Language): string | undefined {
  const phrases = language === 'ko' ? koreanPhrases(question) : englishPhrases(question);
  return phrases.reduce<string | undefined>((best, phrase) => longer(phrase, best), undefined);
}

/** Whether a question takes up words said before, as a follow-up does. */
export function quotesSomething(question: string): boolean {
  return /[“‘]/.test(question.slice(0, QUESTION_LENGTH));
}

function longer(phrase: string, best: string | undefined): string {
  return best === undefined || phrase.length > best.length ? phrase : best;
}

function wordsOf(text: string): string[] {
  return (
    text
      .slice(0, QUESTION_LENGTH)
      .toLowerCase()
      .match(/[\p{L}\p{N}+'-]+/gu) ?? []
  );
}

/** Noun phrases before a subject's or object's particle: words without an ending, up to that particle. */
function koreanPhrases(question: string): string[] {
  const phrases: string[] = [];
  let phrase: string[] = [];
  for (const word of question.slice(0, QUESTION_LENGTH).split(/[\s,.?!]+/)) {
    const noun = SUBJECT_OR_OBJECT.exec(word)?.[1];
    if (noun === undefined) {
      phrase = KOREAN_ENDING.test(word) ? [] : [...phrase, word];
    } else {
      const isTopic = !VERB_STEM.test(noun) && !LEXICON.ko.stopWords.has(noun);
      if (isTopic) phrases.push([...phrase, noun].slice(-MOST_TOPIC_WORDS).join(' ').trim());
      phrase = [];
    }
  }
  return phrases;
}

/** Runs of words that are neither stop words nor broken by punctuation. */
function englishPhrases(question: string): string[] {
  const phrases: string[] = [];
  for (const clause of question.slice(0, QUESTION_LENGTH).split(/[,.:;?!](?:\s|$)/)) {
    let run: string[] = [];
    for (const word of [...clause.split(' '), '']) {
      const isContent =
        word.length > 3 && !LEXICON.en.stopWords.has(word.toLowerCase()) && !ADVERB_OR_PARTICIPLE.test(word);
      if (isContent) {
        run.push(word);
        continue;
      }
      if (run.length > 0 && run.length <= MOST_TOPIC_WORDS) phrases.push(run.join(' '));
      run = [];
    }
  }
  return phrases;
}

import stringWidth from 'string-width';
import { TAB } from './screen.js';
import { visible } from './visible.js';

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** What people count as characters: a syllable made of jamo is one, and a family of emoji is too. */
export function graphemesOf(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}

/** One of them as a terminal may show it. */
export function shown(grapheme: string): string {
  return grapheme === '\t' ? TAB : visible(grapheme);
}

/** Columns of what is shown. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

import { oneLine } from './text.js';
import { visible } from './terminal/visible.js';

/** What means something to Markdown within a line: emphasis, code, links, HTML, tables, strikethrough, entities. */
const MARKS = /[\\`*_[\]<>|~]|&(?=#?\w+;)/g;

/** What means something at a line's start: headings, lists, rules, quotes, indented code. */
const START = /^([#+=-]|\d+(?=[.)]))/;

/** A text on one line that Markdown shows letter by letter. */
export function plain(text: string): string {
  const line = visible(oneLine(text)).replaceAll(MARKS, '\\$&');
  return line.replace(START, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start}`));
}

/** A quotation that Markdown shows letter by letter, with its own lines. */
export function quotation(text: string): string {
  const lines = text.trim().split('\n').map(plain);
  return lines.map((line, index) => quoted(index < lines.length - 1 && line ? `${line}\\` : line)).join('\n');
}

/** A quotation whose own Markdown counts, and stays within it. */
export function markdownQuotation(text: string): string {
  const lines = text.trim().split('\n');
  return lines.map((line) => quoted(line.split('\t').map(visible).join('\t'))).join('\n');
}

function quoted(line: string): string {
  return line === '' ? '>' : `> ${line}`;
}

/** A moment as people write it, in local time: 2026-11-21 14:05. */
export function minuteOf(moment: Date): string {
  const [year, ...rest] = [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()];
  const time = [moment.getHours(), moment.getMinutes()].map(twoDigits).join(':');
  return `${[year, ...rest.map(twoDigits)].join('-')} ${time}`;
}

/** The same as part of a file's name: 20261121-1405. */
export function stampOf(moment: Date): string {
  return minuteOf(moment).replaceAll(/[-:]/g, '').replace(' ', '-');
}

function twoDigits(number: number): string {
  return String(number).padStart(2, '0');
}

import stringWidth from 'string-width';
import type { Text } from '../text.js';
import { CLEAR_LINE } from './screen.js';
import type { Bar, Terminal } from './terminal.js';

/** How far a run is. */
export interface Progress {
  /** Done by an earlier run. */
  readonly before: number;
  readonly done: number;
  readonly failed: number;
}

/** Milliseconds between two looks of a terminal, and between two lines of a file of messages. */
const LOOK_MS = 100;
const LINE_MS = 10_000;

/** Columns of a bar; none where fewer are left. */
const WIDEST_BAR = 30;
const NARROWEST_BAR = 5;

/** Characters of every font and of one column everywhere; block elements take two on some Korean terminals. */
const FULL = '=';
const HEAD = '>';
const EMPTY = ' ';

/** Stands for a bar where there is only one to wait for. */
const WAITING = '…';

/**
 * Says on standard error how far a run is: on a terminal in a bar that is drawn anew, elsewhere in a line now and then,
 * and with `--quiet` not at all.
 * @param left how many are to be done; undefined where nobody knows
 * @param look called when it is drawn
 * @returns what ends it
 */
export function showProgress(terminal: Terminal, left: number | undefined, look: () => Progress): () => void {
  if (terminal.loudness === 'quiet') return () => undefined;
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const { stderr, env } = terminal.host;
  if (!stderr.isTTY || env.TERM === 'dumb')
    return showLines(terminal, () => progressLine(look(), left, seconds(), terminal.text).join('  '));
  if (left === 1) return showBar(terminal, () => WAITING);
  return showBar(terminal, () => {
    const columns = stderr.columns ?? terminal.columns;
    return barLine(look(), left, seconds(), { text: terminal.text, columns });
  });
}

function showBar(terminal: Terminal, line: () => string): () => void {
  const { stderr } = terminal.host;
  let isDrawn = false;
  const bar: Bar = {
    clear() {
      if (isDrawn) stderr.write(CLEAR_LINE);
      isDrawn = false;
    },
    draw() {
      stderr.write(CLEAR_LINE + line());
      isDrawn = true;
    },
  };
  terminal.bar = bar;
  const timer = setInterval(() => {
    bar.draw();
  }, LOOK_MS).unref();
  return () => {
    clearInterval(timer);
    bar.clear();
    terminal.bar = undefined;
  };
}

function showLines(terminal: Terminal, line: () => string): () => void {
  const timer = setInterval(() => {
    terminal.note(line());
  }, LINE_MS).unref();
  return () => {
    clearInterval(timer);
  };
}

/** The bar and what is known, in less than so many columns. */
export function barLine(
  progress: Progress,
  left: number | undefined,
  seconds: number,
  { text, columns }: { readonly text: (text: Text) => string; readonly columns: number },
): string {
  const parts = progressLine(progress, left, seconds, text);
  // A full last column would move the cursor to the next line.
  while (parts.length > 1 && stringWidth(parts.join('  ')) >= columns) parts.pop();
  const words = parts.join('  ');
  if (left === undefined) return words;
  const width = Math.min(WIDEST_BAR, columns - stringWidth(words) - '[]  '.length);
  if (width < NARROWEST_BAR) return words;
  const { before, done } = progress;
  const full = Math.floor((width * (before + done)) / (before + left));
  const bar = (FULL.repeat(full) + (full < width ? HEAD : '')).padEnd(width, EMPTY);
  return `[${bar}] ${words}`;
}

/** What is known, the least important last. */
function progressLine(
  { before, done, failed }: Progress,
  left: number | undefined,
  seconds: number,
  text: (text: Text) => string,
): string[] {
  const rate = done / seconds;
  const perSecond = rate.toFixed(rate < 10 ? 1 : 0);
  const time = left === undefined || done === 0 ? undefined : clock((left - done) / rate);
  return [
    left === undefined ? String(before + done) : share(before + done, before + left),
    ...(failed > 0 ? [text({ en: `${failed} failed`, ko: `실패 ${failed}` })] : []),
    ...(time === undefined ? [] : [text({ en: `${time} left`, ko: `남은 시간 ${time}` })]),
    text({ en: `${perSecond}/s`, ko: `초당 ${perSecond}` }),
  ];
}

/** Not 100 % before the last one is done. */
function share(done: number, total: number): string {
  return `${done}/${total} ${Math.floor((100 * done) / total)}%`;
}

/** Seconds as 0:45, 12:03 or 1:02:03. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number): string => String(value).padStart(2, '0');
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

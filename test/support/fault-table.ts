import { ERRORS, type ErrorCode } from '../../src/common/errors.js';
import { boundOf, type Caller, CALLERS, type Ending, type Endings, type FaultRow } from './fault-matrix.js';

/** A row and what each of the callers got whom it concerns. */
export interface PlayedRow {
  readonly row: FaultRow;
  readonly endings: ReadonlyMap<Caller, Endings>;
}

/** The cells of a row: what the engine does, what comes of it once, what comes of it always, and when. */
export function cellsOf({ row, endings }: PlayedRow): readonly string[] {
  const told = (tell: (caller: Caller, endings: Endings) => string): string =>
    collapse([...endings].map(([caller, own]) => [caller, tell(caller, own)]));
  return [
    row.fault,
    told((_, { once }) => tell(once)),
    told((_, { always }) => tell(always)),
    told((caller) => boundOf(row, caller).replace(/^[A-Z_]+$/, '`$&`')),
  ];
}

/** For every code, in the catalogue's order, the faults that end with it: a Markdown list. */
export function indexOf(played: readonly PlayedRow[]): string {
  const entries = (Object.keys(ERRORS) as ErrorCode[]).flatMap((code) => {
    const faults = played.flatMap(({ row, endings }) => {
      const met = [...endings].filter(([, { always }]) => always.code === code).map(([caller]) => caller);
      if (met.length === 0) return [];
      return [met.length === endings.size ? row.fault : `${row.fault} (${nameOf(met)})`];
    });
    return faults.length > 0 ? [`- ${ERRORS[code].status} \`${code}\`: ${faults.join(' · ')}`] : [];
  });
  return entries.join('\n');
}

/** A Markdown table, its columns aligned as Prettier does. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' '): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0, fill)).join(' | ')} |`;
  const rule = head.map(() => '');
  return [line(head), line(rule, '-'), ...rows.map((cells) => line(cells))].join('\n');
}

function tell({ code, asks, resets, runaway }: Ending): string {
  const asked = asks === 1 ? '1 ask' : `${asks} asks`;
  if (code) return `${ERRORS[code].status} \`${code}\`${runaway ? ` (${runaway})` : ''}, ${asked}`;
  return `answered, ${asked}${resets > 0 ? ', `reset`' : ''}`;
}

/** What most callers get, then those who get something else. */
function collapse(told: readonly (readonly [Caller, string])[]): string {
  const groups = Map.groupBy(told, ([, text]) => text);
  const [first, ...others] = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const exceptions = others.map(([text, met]) => `${nameOf(met.map(([caller]) => caller))}: ${text}`);
  return [first?.[0] ?? '', ...exceptions].join('; ');
}

/** Callers in as few words as name them. */
function nameOf(callers: readonly Caller[]): string {
  const names = [...new Set(CALLERS.map(({ name }) => name))];
  const of = (streams: boolean): string[] =>
    names.filter((name) => callers.some((caller) => caller.name === name && caller.streams === streams));
  const [whole, streamed] = [of(false), of(true)];
  const both = whole.filter((name) => streamed.includes(name));
  const parts = [
    [both, ''],
    [whole.filter((name) => !both.includes(name)), ' whole'],
    [streamed.filter((name) => !both.includes(name)), ' streamed'],
  ] as const;
  return parts
    .filter(([own]) => own.length > 0)
    .map(([own, how]) => own.join(' and ') + how)
    .join(', ');
}

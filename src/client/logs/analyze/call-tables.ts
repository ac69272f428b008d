import { visible } from '../../terminal/visible.js';
import type { CallAverages, CallStats } from './call-stats.js';
import { type TableColumn, table } from './table.js';

type Groups = readonly CallAverages[];

/** How calls that name nothing are called. */
const NO_NAME = '(none)';

/** What stands for an average of nothing. */
const NO_NUMBER = '-';

/** The two tables of an analysis, as text that ends with a line feed. */
export function callTables({ byPromptVersion, byModel }: CallStats): string {
  const versions = sorted(byPromptVersion);
  const models = sorted(byModel);
  return [
    'Prompt version stats:\n',
    table('prompt_version', names(versions), [calls(versions), latency(versions), tokens(versions)]),
    '\nModel stats:\n',
    table('model', names(models), [calls(models), latency(models)]),
  ].join('');
}

/** By name; calls without one come last. */
function sorted(groups: Groups): Groups {
  return groups.toSorted(({ name: a }, { name: b }) => {
    if (a === '' || b === '') return a === '' ? 1 : -1;
    return a < b ? -1 : 1;
  });
}

const names = (groups: Groups): string[] => groups.map(({ name }) => visible(name) || NO_NAME);

function calls(groups: Groups): TableColumn {
  return { name: 'calls', cells: groups.map((group) => String(group.calls)) };
}

function latency(groups: Groups): TableColumn {
  return { name: 'avg_latency_ms', cells: averages(groups.map(({ latencyMs }) => latencyMs)) };
}

function tokens(groups: Groups): TableColumn {
  return { name: 'avg_tokens', cells: averages(groups.map((group) => group.tokens)) };
}

/** Numbers rounded to two decimals, all with as many as the longest needs, at least one: as pandas shows them. */
function averages(values: readonly (number | null)[]): string[] {
  const rounded = values.map((value) => (value === null ? null : toHundredths(value)));
  const one = rounded.every((value) => value === null || Number(value.toFixed(1)) === value);
  return rounded.map((value) => value?.toFixed(one ? 1 : 2) ?? NO_NUMBER);
}

/** Halves go to the even neighbour, as numpy rounds: 127.125 is 127.12. */
function toHundredths(value: number): number {
  const hundredths = value * 100;
  const down = Math.floor(hundredths);
  const even = down % 2 === 0 ? down : down + 1;
  return (hundredths - down === 0.5 ? even : Math.round(hundredths)) / 100;
}

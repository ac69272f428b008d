import type { CallAnalysis, CallGroups, CallSums } from './analyze-calls.js';
import { type TableColumn, table } from './table.js';
import { visible } from './visible.js';

type Groups = readonly (readonly [name: string, sums: Readonly<CallSums>])[];

/** How calls that name nothing are called. */
const NO_NAME = '(none)';

/** The two tables of an analysis, as text that ends with a line feed. */
export function callTables({ byPromptVersion, byModel }: CallAnalysis): string {
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
function sorted(groups: CallGroups): Groups {
  return [...groups].sort(([a], [b]) => {
    if (a === '' || b === '') return a === '' ? 1 : -1;
    return a < b ? -1 : 1;
  });
}

const names = (groups: Groups): string[] => groups.map(([name]) => visible(name) || NO_NAME);

function calls(groups: Groups): TableColumn {
  return { name: 'calls', cells: groups.map(([, sums]) => String(sums.calls)) };
}

function latency(groups: Groups): TableColumn {
  return { name: 'avg_latency_ms', cells: averages(groups.map(([, sums]) => sums.latencyMs / sums.calls)) };
}

function tokens(groups: Groups): TableColumn {
  return { name: 'avg_tokens', cells: averages(groups.map(([, sums]) => sums.tokens / sums.calls)) };
}

/** Numbers rounded to two decimals, all with as many as the longest needs, at least one: as pandas shows them. */
function averages(values: readonly number[]): string[] {
  const rounded = values.map(toHundredths);
  const one = rounded.every((value) => Number(value.toFixed(1)) === value);
  return rounded.map((value) => value.toFixed(one ? 1 : 2));
}

/** Halves go to the even neighbour, as numpy rounds: 127.125 is 127.12. */
function toHundredths(value: number): number {
  const hundredths = value * 100;
  const down = Math.floor(hundredths);
  const even = down % 2 === 0 ? down : down + 1;
  return (hundredths - down === 0.5 ? even : Math.round(hundredths)) / 100;
}

// `npm run bench`: the service on one core, an engine and the load on the other, and beside it the least that a proxy
// in Node can do. Rounds are interleaved, and medians are printed. What each section shows is in docs/bench.md.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { COMPARISONS, whyNotAgainst } from './against.ts';
import type { Bench } from './bench.ts';
import { benchReport, benchStep, benchV1 } from './calls.ts';
import { benchClient } from './client.ts';
import { benchLog } from './log.ts';
import { serviceOf } from './machine.ts';
import { benchStart } from './start.ts';
import { benchStreams } from './streams.ts';
import { Targets } from './targets.ts';

type Section = (bench: Bench) => Promise<void>;

const SECTIONS: Readonly<Record<string, Section>> = {
  step: benchStep,
  report: benchReport,
  v1: benchV1,
  streams: benchStreams,
  log: benchLog,
  start: benchStart,
  client: benchClient,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '32' },
    results: { type: 'string', default: '300000' },
    profile: { type: 'string' },
    against: { type: 'string' },
    pairs: { type: 'string', default: '7' },
    'warm-up': { type: 'string', default: '10' },
  },
});
const profiles = values.profile === undefined ? undefined : resolve(values.profile);
const folder = values.against === undefined ? undefined : resolve(values.against);
const seconds = values.seconds ?? (folder === undefined ? '4' : '5');
const known = folder === undefined ? SECTIONS : comparisonsWith(folder);
const chosen = (values.only?.split(',') ?? Object.keys(known)).map(
  (name) =>
    known[name] ??
    refuse(
      folder !== undefined && name in SECTIONS
        ? `--against compares ${Object.keys(known).join(', ')}; there is no comparison of "${name}".`
        : `--only takes ${Object.keys(known).join(', ')}, not "${name}".`,
    ),
);
if (profiles !== undefined) mkdirSync(profiles, { recursive: true });

const bench: Bench = {
  targets: new Targets(profiles),
  rounds: Number(values.rounds),
  seconds: Number(seconds),
  connections: Number(values.connections),
  results: Number(values.results),
  profiles,
};
console.log(
  folder === undefined
    ? `${values.rounds} rounds of ${seconds} s; the service and the bare proxy on one core, engine and load on another.`
    : `New is ${resolve('.')}, old is ${folder}: ${values.pairs} pairs of ${seconds} s each, after ${values['warm-up']} s of load on each; ` +
        'new/old is the median of the ratios of the pairs.',
);
for (const section of chosen) await section(bench);
if (profiles !== undefined)
  console.log(`\nWhere CPU time went is in ${profiles}; docs/bench.md says how to read it.`);

/** The sections that compare this build with that of another checkout. */
function comparisonsWith(checkout: string): Readonly<Record<string, Section>> {
  const reason = whyNotAgainst(checkout);
  if (reason !== undefined) refuse(reason);
  const against = {
    old: new Targets(profiles, serviceOf(checkout)),
    pairs: Number(values.pairs),
    warmUpSeconds: Number(values['warm-up']),
  };
  return Object.fromEntries(
    Object.entries(COMPARISONS).map(([name, compare]) => [name, (bench: Bench) => compare(bench, against)]),
  );
}

function refuse(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}

// `npm run bench`: the service on one core, an engine and the load on the other, and beside it the least that a proxy
// in Node can do. Rounds are interleaved, and medians are printed. What each section shows is in docs/bench.md.
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { benchReport, benchStep, benchV1 } from './calls.ts';
import { benchClient } from './client.ts';
import { benchLog } from './log.ts';
import { benchStart } from './start.ts';
import { benchStreams } from './streams.ts';
import { Targets } from './targets.ts';

const SECTIONS: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
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
    only: { type: 'string', default: Object.keys(SECTIONS).join() },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '32' },
    results: { type: 'string', default: '300000' },
    profile: { type: 'string' },
  },
});
const chosen = values.only.split(',').map((name) => {
  const section = SECTIONS[name];
  if (section) return section;
  console.error(`--only takes ${Object.keys(SECTIONS).join(', ')}, not "${name}".`);
  process.exit(1);
});
const profiles = values.profile === undefined ? undefined : resolve(values.profile);
if (profiles !== undefined) mkdirSync(profiles, { recursive: true });

const bench: Bench = {
  targets: new Targets(profiles),
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
  results: Number(values.results),
  profiles,
};
console.log(
  `${values.rounds} rounds of ${values.seconds} s; the service and the bare proxy on one core, engine and load on another.`,
);
for (const section of chosen) await section(bench);
if (profiles !== undefined)
  console.log(`\nWhere CPU time went is in ${profiles}; docs/bench.md says how to read it.`);

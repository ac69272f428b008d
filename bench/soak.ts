// `npm run soak`: many calls with some failing engines, then many streams in which nothing happens. Memory must stay
// flat and small, and no socket may be left.
import { parseArgs } from 'node:util';
import { requirePrograms } from './machine.ts';
import { soakCalls } from './soak-calls.ts';
import { soakIdle } from './soak-idle.ts';

const { values } = parseArgs({
  options: {
    part: { type: 'string', default: 'all' },
    calls: { type: 'string', default: '200000' },
    connections: { type: 'string', default: '32' },
    streams: { type: 'string', default: '2000' },
  },
});
const parts = {
  calls: () => soakCalls({ calls: Number(values.calls), connections: Number(values.connections) }),
  idle: () => soakIdle({ streams: Number(values.streams) }),
};
const chosen = Object.entries(parts).filter(([name]) => values.part === 'all' || values.part === name);
if (chosen.length === 0) {
  console.error(`--part is calls, idle or all, not "${values.part}".`);
  process.exit(1);
}

requirePrograms('taskset');
const failures: string[] = [];
for (const [, soak] of chosen) failures.push(...(await soak()));
if (failures.length > 0) {
  console.error(`The soak failed: ${failures.join(', ')}.`);
  process.exitCode = 1;
}

import { surviveClosedOutput } from '../logging/logger.js';
import { runStore } from './store/command.js';

/** `npm run store -- copy | backup | restore`; a second signal ends it at once. */
surviveClosedOutput();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    stop.abort();
  });
}
process.exitCode = await runStore(process.argv.slice(2), process, { signal: stop.signal });

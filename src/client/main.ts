#!/usr/bin/env node
import { tooOld } from './node-version.js';

const complaint = tooOld(process.versions.node);
if (complaint !== undefined) {
  process.stderr.write(`${complaint}\n`);
  process.exit(2);
}

// Behind the check: an older Node fails to load it, with riddles.
const { runClient } = await import('./program.js');
const { enterUsersFolder } = await import('./users-folder.js');

enterUsersFolder(process);

const stop = new AbortController();

/** The second one ends the process as if nobody listened: exit() would wait for a read that hangs. */
function interrupt(signal: NodeJS.Signals): void {
  if (!stop.signal.aborted) {
    stop.abort();
    return;
  }
  process.emit('exit', 130);
  process.off(signal, interrupt);
  process.kill(process.pid, signal);
}

process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

process.exitCode = await runClient(process.argv.slice(2), process, stop.signal);

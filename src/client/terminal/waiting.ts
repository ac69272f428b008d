import { CLEAR_LINE } from './screen.js';
import type { Terminal } from './terminal.js';

/** Shows on a terminal that something is being waited for. @returns what takes it away, however often it is called */
export function showWaiting({ host, errorColors }: Terminal): () => void {
  if (!host.stderr.isTTY || !host.stdout.isTTY || host.env.TERM === 'dumb') return () => undefined;
  host.stderr.write(errorColors.dim('…'));
  let isShown = true;
  return () => {
    if (isShown) host.stderr.write(CLEAR_LINE);
    isShown = false;
  };
}

import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import type { Host } from './terminal.js';

/**
 * Hears when the process's output takes no more, which would end it with a stack trace.
 * @returns aborted with the error when standard output takes no more; of standard error nobody is left to be told
 */
export function watchOutput({ stdout, stderr }: Pick<Host, 'stdout' | 'stderr'>): AbortSignal {
  const ended = new AbortController();
  if (stdout instanceof EventEmitter)
    stdout.on('error', (error) => {
      ended.abort(error);
    });
  if (stderr instanceof EventEmitter) stderr.on('error', () => undefined);
  return ended.signal;
}

/** Whether it was its reader who left, as `head` does when it has seen enough. */
export function isClosedPipe(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' || code === 'ECONNRESET';
}

/** Resolves when standard output has taken what was written, or will never take it. */
export async function flushed({ stdout }: Pick<Host, 'stdout'>): Promise<void> {
  if (!(stdout instanceof Writable)) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  // An error is told of behind the write that it belongs to.
  stdout.write('', () => setImmediate(resolve, undefined));
  await promise;
}

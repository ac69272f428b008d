import { constants, createReadStream, openSync, statSync } from 'node:fs';
import { Socket } from 'node:net';
import { addAbortSignal, type Readable } from 'node:stream';

/** How a file is opened. */
export interface InputOptions {
  /** What `-` means. */
  readonly stdin: Readable;
  /** Ends the read with an AbortError, which ends the command with 130. */
  readonly stop: AbortSignal;
  /** Bytes that are read at once. @default what Node takes */
  readonly readBytes?: number;
}

/** Opens a file that was named on the command line; `-` is standard input. */
export function openInput(path: string, { stdin, stop, readBytes }: InputOptions): Readable {
  return addAbortSignal(stop, path === '-' ? stdin : openFile(path, readBytes));
}

/** How what a path names is called in a sentence. */
export function nameOf(path: string): string {
  return path === '-' ? 'Standard input' : path;
}

function openFile(path: string, readBytes: number | undefined): Readable {
  // A pipe with a name blocks whoever opens it until somebody writes, and Ctrl-C with it.
  if (statSync(path, { throwIfNoEntry: false })?.isFIFO())
    return new Socket({ fd: openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), writable: false });
  return createReadStream(path, { ...(readBytes !== undefined && { highWaterMark: readBytes }) });
}

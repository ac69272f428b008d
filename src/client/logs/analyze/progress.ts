import { CLEAR_LINE } from '../../terminal/screen.js';
import type { Terminal } from '../../terminal/terminal.js';

const MIB = 1_048_576;

/** How progress is told. */
export interface ProgressWords {
  /** MiB between two words. */
  readonly everyMib: number;
  readonly tell: (mib: number) => string;
}

/** Passes bytes on and tells a terminal how many went by; the line is cleared at the end. */
export async function* withProgress(
  chunks: AsyncIterable<Uint8Array>,
  { host: { stderr }, loudness }: Terminal,
  { everyMib, tell }: ProgressWords,
): AsyncGenerator<Uint8Array, void, undefined> {
  const isTold = stderr.isTTY === true && loudness !== 'quiet';
  let bytes = 0;
  let told = 0;
  try {
    for await (const chunk of chunks) {
      yield chunk;
      bytes += chunk.length;
      if (!isTold || bytes < told + everyMib * MIB) continue;
      told = bytes;
      stderr.write(`\r${tell(Math.floor(bytes / MIB))}`);
    }
  } finally {
    if (told > 0) stderr.write(CLEAR_LINE);
  }
}

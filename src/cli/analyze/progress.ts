/** Where progress is told: on a terminal alone, a file of messages has no use for it. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const MIB = 1_048_576;

/** MiB between two words of progress. */
const STEP_MIB = 64;

/** Passes bytes on and tells a terminal how many went by; the line is cleared at the end. */
export async function* withProgress(
  chunks: AsyncIterable<Uint8Array>,
  output: ProgressOutput,
): AsyncGenerator<Uint8Array, void, undefined> {
  let bytes = 0;
  let told = 0;
  try {
    for await (const chunk of chunks) {
      yield chunk;
      bytes += chunk.length;
      if (!output.isTTY || bytes < told + STEP_MIB * MIB) continue;
      told = bytes;
      output.write(`\r${Math.floor(bytes / MIB)} MiB read`);
    }
  } finally {
    if (told > 0) output.write('\r\u001b[K');
  }
}

import type { LLMClient } from './api/llm-client.js';
import { asFault } from './faults/call-fault.js';
import type { Context } from './context.js';
import type { ExitCode } from './faults/fault.js';

/**
 * Connects, lets `work` talk to the server, and closes the connections behind it.
 * @param toFault makes what ends the command of an error
 * @returns 130 where the command was interrupted
 */
export async function withClient(
  context: Context,
  work: (client: LLMClient) => Promise<ExitCode>,
  toFault: (error: unknown) => unknown = asFault,
): Promise<ExitCode> {
  const client = await context.connect();
  try {
    return await work(client);
  } catch (error) {
    if (context.stop.aborted) return 130;
    throw toFault(error);
  } finally {
    await client.close();
  }
}

import type { LLMClient } from '../api/llm-client.js';
import type { Flags } from '../commands/command.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode, wrongUse } from '../faults/fault.js';
import { visible } from '../terminal/visible.js';
import { callText } from './call-text.js';
import { callPages } from './list.js';
import { askLog, withLog } from './log-reader.js';
import { isWhole } from './own-answers.js';

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** The end of an id, as lists show it. */
const END_OF_ID = /^[\da-f]{4,12}$/i;

/** Calls among which the end of an id is looked for. */
const LOOKED_THROUGH = 1000;

/** `logs show ID` @throws ClientFault */
export function showCall(context: Context, flags: Flags, id: string): Promise<ExitCode> {
  const { terminal, stop } = context;
  if (!UUID.test(id) && !END_OF_ID.test(id))
    throw wrongUse(
      `${visible(id)} is no id of a call: take X-Call-Id of the reply, or what logs list shows under id.`,
    );
  return withLog(context, async (client) => {
    const whole = UUID.test(id) ? id : await idThatEndsWith(id.toLowerCase(), client, stop);
    const call = await askLog(client, `/api/calls/${whole}`, isWhole, stop);
    if (flags.json === true) terminal.printJson(call);
    else terminal.print(callText(call, terminal));
    return 0;
  });
}

async function idThatEndsWith(end: string, client: LLMClient, signal: AbortSignal): Promise<string> {
  const found: string[] = [];
  for await (const { calls } of callPages(client, new URLSearchParams(), LOOKED_THROUGH, signal)) {
    found.push(...calls.map(({ id }) => id).filter((id) => id.endsWith(end)));
  }
  const [id, ...others] = found;
  if (id === undefined)
    throw new ClientFault(
      1,
      `None of the newest ${LOOKED_THROUGH} calls has an id that ends with ${end}: give the whole id, which logs list --json has.`,
    );
  if (others.length === 0) return id;
  throw new ClientFault(
    1,
    `The ids of ${found.length} calls end with ${end}: give one whole: ${found.join(', ')}.`,
  );
}

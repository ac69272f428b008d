import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import { visible } from '../terminal/visible.js';
import { withClient } from '../with-client.js';

/**
 * Prints the names of the server's models.
 * @throws ClientFault where it cannot be asked
 */
export function tellModels(context: Context, asJson: boolean): Promise<ExitCode> {
  const { terminal, stop } = context;
  return withClient(context, async (client) => {
    const names = await client.models(stop);
    if (asJson) terminal.printJson(names);
    else terminal.print(names.map((name) => `${visible(name)}\n`).join(''));
    if (names.length === 0)
      terminal.note(
        terminal.text({ en: `${client.root} lists no models.`, ko: `${client.root}에 모델이 없습니다.` }),
      );
    return 0;
  });
}

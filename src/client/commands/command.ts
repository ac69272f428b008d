import type { Command } from 'commander';
import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import type { Text } from '../text.js';

/** A command's flags as commander read them, by their names in camelCase. */
export type Flags = Readonly<Record<string, unknown>>;

/**
 * What a closed standard output means, as `| head` leaves it: nothing is left to do, the rest is left undone, or the
 * command goes on for what it writes elsewhere.
 */
export type WithoutOutput = 'done' | 'undone' | 'goes on';

interface Described {
  readonly name: string;
  readonly summary: Text;
}

/** One command of the client: what it is called, what it takes, what it does. */
export interface ClientCommand extends Described {
  /** Whether it asks a server, and so takes the flags that name one. */
  readonly asksServer: boolean;
  /** @default 'done' */
  readonly withoutOutput?: (flags: Flags) => WithoutOutput;
  /** Adds arguments, flags and examples. It must not load what only running needs: `--help` would wait for it. */
  describe(command: Command, text: (text: Text) => string): void;
  /** @throws ClientFault what the user can do something about */
  run(context: Context, flags: Flags, args: readonly string[]): Promise<ExitCode>;
}

/** Commands under one name, such as `logs list`. */
export interface CommandGroup extends Described {
  readonly commands: readonly ClientCommand[];
}

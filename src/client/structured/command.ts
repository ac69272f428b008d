import type { StructuredTask } from '../api/llm-client.js';
import type { ClientCommand } from '../commands/command.js';
import type { Text } from '../text.js';
import { addStructuredFlags } from './flags.js';

/** A command that asks a structured route. */
export function structuredCommand(task: StructuredTask, summary: Text, examples: Text): ClientCommand {
  return {
    name: task,
    summary,
    asksServer: true,
    describe(command, text) {
      addStructuredFlags(command, text, task);
      command.addHelpText('after', text(examples));
    },
    async run(context, flags, [file]) {
      const { runStructured } = await import('./run.js');
      return runStructured(task, context, flags, file);
    },
  };
}

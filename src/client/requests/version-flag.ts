import { type Command, InvalidArgumentError } from 'commander';
import type { Text } from '../text.js';

/** How the service names its versions of a prompt, after their files. */
const VERSION = /^v[1-9]\d{0,5}$/;

const FLAG = '--prompt-versions <version...>';

/** Adds `--prompt-versions`. */
export function addVersions(command: Command, text: (text: Text) => string): void {
  command.option(
    FLAG,
    text({ en: 'in turn (v1 v2)', ko: '번갈아 쓸 버전 (v1 v2)' }),
    (version: string, before: readonly string[] | undefined) => {
      // Commander takes whatever comes first behind the flag, another flag too.
      if (version.startsWith('-')) command.error(`error: option '${FLAG}' argument missing`);
      if (!VERSION.test(version)) throw new InvalidArgumentError('It must be a version like v1.');
      return [...(before ?? []), version];
    },
  );
}

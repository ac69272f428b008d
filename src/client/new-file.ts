import { existsSync, writeFileSync } from 'node:fs';
import { wrongUse } from './faults/fault.js';
import { writeFault } from './faults/write-fault.js';

/** Rights of a file with what people said: it is nobody else's business. */
export const PRIVATE = 0o600;

/** The first that is free of name.md, name-2.md, name-3.md and so on. */
export function freeName(name: string): string {
  let file = `${name}.md`;
  for (let number = 2; existsSync(file); number++) file = `${name}-${number}.md`;
  return file;
}

/**
 * Writes a file that must not be there yet.
 * @throws ClientFault it is there, or cannot be written
 */
export function createFile(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: PRIVATE });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw writeFault(error, path, 2);
    throw wrongUse(`${path} is there already, and is not overwritten: name another file.`, { cause: error });
  }
}

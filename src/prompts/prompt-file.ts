import { readFileSync } from 'node:fs';

/**
 * Reads a prompt that lies beside the module that uses it. Line ends and the end of the file are made uniform,
 * so that a checkout on Windows sends the engine the same bytes (its prefix cache compares tokens).
 * @param name file name
 * @param moduleUrl the caller's `import.meta.url`
 */
export function readPrompt(name: string, moduleUrl: string): string {
  return readFileSync(new URL(name, moduleUrl), 'utf8').replaceAll('\r\n', '\n').trim();
}

import { readdirSync } from 'node:fs';
import { ServiceError } from '../common/errors.js';
import { textHash } from '../common/text-hash.js';
import { readPrompt } from './prompt-file.js';

/** One version of a prompt. */
export interface PromptVersion {
  /** Its name: v1, v2, … */
  readonly version: string;
  /** Line ends and the end of the file are uniform. */
  readonly text: string;
  /** The first 12 hexadecimal digits of the SHA-256 of the text: the same on every machine. */
  readonly hash: string;
}

/** The versions of one prompt, each a file `prompts/NAME.vN.prompt.md`; a new file is a new version. */
export class PromptVersions {
  readonly #versions: ReadonlyMap<string, PromptVersion>;

  /**
   * Reads them all, so that a missing or empty one stops the start and not a call.
   * @param name the prompt's name
   * @param needed version that there must be
   * @param moduleUrl `import.meta.url` of the module beside which the folder `prompts` lies
   */
  constructor(name: string, needed: string, moduleUrl: string) {
    const folder = new URL('./prompts/', moduleUrl);
    const versions = readdirSync(folder)
      .flatMap((file) => versionIn(file, name) ?? [])
      .sort((a, b) => a - b)
      .map((number) => readVersion(name, `v${number}`, folder));
    this.#versions = new Map(versions.map((version) => [version.version, version]));
    if (!this.#versions.has(needed)) throw new Error(`The prompt ${name} has no version ${needed}.`);
  }

  /** Their names, oldest first. */
  get known(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /**
   * @param path JSON pointer to where the caller named the version
   * @throws ServiceError PROMPT_NOT_FOUND with the versions that there are
   */
  get(version: string, path: string): PromptVersion {
    const found = this.#versions.get(version);
    if (found) return found;
    const known = this.known.join(', ');
    throw new ServiceError(
      'PROMPT_NOT_FOUND',
      `There is no such version of the prompt; there are ${known}.`,
      {
        errors: [{ path, message: `must be one of ${known}` }],
      },
    );
  }
}

function versionIn(file: string, name: string): number | undefined {
  const [own, number] = /^(.+)\.v([1-9]\d{0,5})\.prompt\.md$/.exec(file)?.slice(1) ?? [];
  return own === name ? Number(number) : undefined;
}

function readVersion(name: string, version: string, folder: URL): PromptVersion {
  const text = readPrompt(`${name}.${version}.prompt.md`, folder.href);
  if (text === '') throw new Error(`Version ${version} of the prompt ${name} is empty.`);
  return { version, text, hash: textHash(text) };
}

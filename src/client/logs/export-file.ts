import { stat } from 'node:fs/promises';
import { wrongUse } from '../faults/fault.js';
import { Replacement } from '../replace-file.js';
import { writeFault } from '../faults/write-fault.js';

/** A file that comes to its name when it is whole. Until then, and for ever if it never gets there, it is NAME.part. */
export class ExportFile {
  #bytes = 0;

  private constructor(
    readonly name: string,
    private readonly file: Replacement,
  ) {}

  /** @throws ClientFault where it cannot be written, or is there already and may not be replaced */
  static async open(name: string, mayReplace: boolean): Promise<ExportFile> {
    await checkPlace(name, mayReplace);
    try {
      return new ExportFile(name, await Replacement.open(name));
    } catch (error) {
      throw writeFault(error, Replacement.partOf(name), 2);
    }
  }

  get part(): string {
    return this.file.part;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @throws ClientFault where there is no room for it */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      await this.file.handle.appendFile(chunk);
    } catch (error) {
      throw writeFault(error, this.part, 1);
    }
    this.#bytes += chunk.length;
  }

  /** Gives it its name. @throws ClientFault where there is no room for it after all */
  async finish(): Promise<void> {
    try {
      await this.file.takePlace();
      await this.file.handle.close();
    } catch (error) {
      throw writeFault(error, this.name, 1);
    }
  }

  /** Leaves NAME.part as it is; one with nothing in it is taken away. */
  async leave(): Promise<void> {
    if (this.#bytes === 0) await this.file.discard();
    else await this.file.handle.close();
  }
}

async function checkPlace(name: string, mayReplace: boolean): Promise<void> {
  const found = await stat(name).catch(() => undefined);
  if (!found) return;
  if (!found.isFile()) throw wrongUse(`${name} is no file: name one, or - for standard output.`);
  if (!mayReplace)
    throw wrongUse(`${name} is there already: name another file, or say --overwrite to replace it.`);
}

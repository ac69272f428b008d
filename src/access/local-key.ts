import { randomBytes } from 'node:crypto';
import { constants, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { link, open, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, isIPv6 } from 'node:net';
import { isAbsolute, join } from 'node:path';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { shellWord } from '../common/shell-word.js';
import { Settings } from '../config/settings.js';
import { isLoopbackAddress } from './direct-caller.js';
import { digestOf, type KnownKey } from './known-key.js';
import { ALL_SCOPES } from './scopes.js';

/** Holds one line, a header as `curl -H @FILE` reads it. */
const KEY_FILE = 'local-key';

/** Holds the loopback address and port for which the key is good, and who listens there; the command-line client reads both files. */
const ADDRESS_FILE = 'local-key.address';

const SECRET_BYTES = 32;

const KEY_LINE = /^Authorization: Bearer ([\w-]{43})\n$/;

/**
 * The key with which the person who runs the service reads the call log and the metrics, where no API_KEYS are set: being
 * on the same machine is not enough for that, but being able to read a file of the service's own user is. It is made at
 * the first start and kept. It is never logged; the log names the file.
 */
@Injectable()
export class LocalKey implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #logger = new Logger('Access');
  readonly #file: string;
  readonly #addressFile: string;
  /** As in the file. */
  #address: string | undefined;
  #keys: readonly KnownKey[] = [];

  constructor(private readonly settings: Settings) {
    this.#file = join(settings.dataDir, KEY_FILE);
    this.#addressFile = join(settings.dataDir, ADDRESS_FILE);
  }

  /** The key, or nothing where there is none. */
  get keys(): readonly KnownKey[] {
    return this.#keys;
  }

  /** The file as seen from the service's folder; nothing where there is no key. */
  get file(): string | undefined {
    return this.#keys.length > 0 ? this.#file : undefined;
  }

  /**
   * How to send it to an address, for a reply: where it lies on this machine is nobody's business there.
   * @returns nothing where there is no key
   */
  howToSend(url: string): string | undefined {
    if (this.file === undefined) return undefined;
    return isAbsolute(this.file)
      ? `With the service's DATA_DIR put in its place, curl -s -H @DATA_DIR/${KEY_FILE} '${url}' sends it.`
      : `In the folder where the service was started, curl -s -H ${shellWord(`@${this.file}`)} '${url}' sends it.`;
  }

  async onApplicationBootstrap(): Promise<void> {
    const { apiKeys, auth, nodeEnv } = this.settings;
    this.#forgetEnded();
    if (apiKeys || auth === 'off' || nodeEnv === 'production') return;
    try {
      const secret = await openSecret(this.#file);
      this.#keys = [{ name: 'local', scopes: ALL_SCOPES, digest: digestOf(secret) }];
    } catch (error) {
      this.#logger.warn({
        message:
          'there is no key for reading, so /metrics and the call log are closed: mend what the reason says and start again, or set API_KEYS=name:read:secret',
        file: this.#file,
        reason: (error as Error).message,
      });
    }
  }

  /** Writes down the server's address once it listens, before anybody can call it. */
  attach({ server }: FastifyInstance): void {
    server.once('listening', () => {
      if (this.#keys.length > 0) this.#writeAddress(server.address() as AddressInfo);
    });
  }

  /** From here on somebody else may listen on the port, and the client must not send the key there. */
  onModuleDestroy(): void {
    try {
      // Another service on the same folder may have written its own.
      if (this.#address !== undefined && readFileSync(this.#addressFile, 'utf8') === this.#address)
        rmSync(this.#addressFile);
    } catch {
      // It is gone already, or the folder is.
    }
  }

  /** Removes the address of a service that was killed: whoever listens there by now must not get the key. */
  #forgetEnded(): void {
    try {
      const pid = Number(readFileSync(this.#addressFile, 'utf8').split(' ')[1]);
      if (!isRunning(pid)) rmSync(this.#addressFile);
    } catch {
      // There is none, or the folder cannot be written: then there is no key either.
    }
  }

  #writeAddress({ address, port }: AddressInfo): void {
    const host = loopbackOf(address);
    try {
      if (host === undefined) {
        rmSync(this.#addressFile, { force: true });
        return;
      }
      this.#address = `${host}:${port} ${process.pid}\n`;
      const draft = draftOf(this.#addressFile);
      writeFileSync(draft, this.#address, { mode: 0o600, flag: 'wx' });
      renameSync(draft, this.#addressFile);
    } catch (error) {
      this.#logger.warn({
        message: 'the command-line client finds no key by itself: it needs --api-key to read',
        file: this.#addressFile,
        reason: (error as Error).message,
      });
    }
  }
}

/** Whether a process has this number, and is this user's. */
function isRunning(pid: number): boolean {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** By which address of the loopback a socket is reached, as in a URL. */
function loopbackOf(address: string): string | undefined {
  if (address === '0.0.0.0') return '127.0.0.1';
  if (address === '::') return '[::1]';
  if (!isLoopbackAddress(address)) return undefined;
  return isIPv6(address) ? `[${address}]` : address;
}

/** @throws Error where the file cannot be made, or may be known to somebody else */
async function openSecret(file: string): Promise<string> {
  try {
    return await readSecret(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  await makeSecret(file);
  return readSecret(file);
}

async function readSecret(file: string): Promise<string> {
  // Neither a link nor a pipe that somebody put there is followed or waited for; Windows knows neither flag.
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;
  const handle = await open(file, (O_RDONLY ?? 0) | O_NOFOLLOW | O_NONBLOCK).catch((error: unknown) => {
    const isLink = (error as NodeJS.ErrnoException).code === 'ELOOP';
    throw isLink ? new Error('it is a link: remove it, and a new one is made') : error;
  });
  try {
    const { uid, mode } = await handle.stat();
    // Windows has neither; there the folder's own rights decide.
    if (process.platform !== 'win32') {
      if (uid !== process.getuid?.())
        throw new Error(`it belongs to user ${uid}, not to this one: remove it, and a new one is made`);
      if ((mode & 0o777) !== 0o600)
        throw new Error(
          `its mode is ${(mode & 0o777).toString(8)}, not 600, so others may know it: remove it, and a new one is made`,
        );
    }
    const [, secret] = KEY_LINE.exec(await handle.readFile('utf8')) ?? [];
    if (secret === undefined) throw new Error('it holds no key: remove it, and a new one is made');
    return secret;
  } finally {
    await handle.close();
  }
}

/** Makes it whole or not at all, whatever else starts on the same folder or ends at this moment. */
async function makeSecret(file: string): Promise<void> {
  const secret = randomBytes(SECRET_BYTES).toString('base64url');
  const draft = draftOf(file);
  try {
    await writeFile(draft, `Authorization: Bearer ${secret}\n`, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, file).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(draft, { force: true });
  }
}

function draftOf(file: string): string {
  return `${file}.${randomBytes(8).toString('hex')}`;
}

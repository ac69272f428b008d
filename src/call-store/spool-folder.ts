import { mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { mkdir, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { Logger } from '@nestjs/common';

/** How often a service touches its folder, as a sign that it lives. */
export const SIGN_EVERY_MS = 30_000;

/** Milliseconds without a sign after which a folder is nobody's: some signs that are late make nobody dead. */
const FORGOTTEN_AFTER_MS = 180_000;

/** The sign in a folder that was left in order: nobody has to wait for its silence. */
const LEFT = new Date(0);

/** What separates the parts of a folder's name. */
const SEPARATOR = '~';

/** A folder's name: where its process runs, the process' number, and its instance. Other folders are left alone. */
const NAME = new RegExp(`^(.+)${SEPARATOR}(\\d+)${SEPARATOR}[^${SEPARATOR}]+$`);

/** Folders that are in use in this process, by whichever service in it. */
const inUse = new Set<string>();

const logger = new Logger('Spool');

/** The name of the folder of this process, for one of the services in it. */
export function folderName(instanceId: string): string {
  return [placeOf(), process.pid, instanceId].join(SEPARATOR);
}

/** Makes a folder for this process, which nobody takes over before it is left. */
export function useFolder(folder: string): void {
  inUse.add(folder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/**
 * Where the numbers of processes mean the same: the host and, on Linux, its PID namespace, since every container has
 * its own process 1.
 */
function placeOf(): string {
  try {
    const [namespace] = /\d+/.exec(readlinkSync('/proc/self/ns/pid')) ?? [];
    if (namespace !== undefined) return [hostname(), namespace].join(SEPARATOR);
  } catch {
    // No Linux: there the host says it all.
  }
  return hostname();
}

/** Says of every folder that this process uses that it is used. */
export async function giveSigns(): Promise<void> {
  for (const folder of inUse) {
    const now = new Date();
    try {
      await utimes(folder, now, now).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
        // Taken over from a service that was stopped for long, with its machine for instance.
        return mkdir(folder, { recursive: true, mode: 0o700 });
      });
    } catch (error) {
      logger.warn({
        message: `${folder} takes no sign of life, and other services on it may take its calls over: see whether it may be written`,
        reason: (error as Error).message,
      });
    }
  }
}

/** Leaves a folder in order, for the next process. Where that cannot be written, the next one waits for the silence. */
export async function leaveFolder(folder: string): Promise<void> {
  inUse.delete(folder);
  await utimes(folder, LEFT, LEFT).catch(() => undefined);
}

/** Folders whose processes are gone. */
export function abandonedIn(parent: string): string[] {
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => !inUse.has(folder) && isAbandoned(folder));
}

/**
 * Whether the process is gone for sure, or has given no sign for so long that it must be. A number that is ours is no
 * other process' any more, but one of another namespace may be as alive as we are.
 */
function isAbandoned(folder: string): boolean {
  const [, place, number] = NAME.exec(basename(folder)) ?? [];
  if (place === undefined) return false;
  return (place === placeOf() && hasEnded(Number(number))) || isSilent(folder);
}

function hasEnded(pid: number): boolean {
  if (pid === process.pid) return true;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

function isSilent(folder: string): boolean {
  const sign = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
  return sign !== undefined && Date.now() - sign > FORGOTTEN_AFTER_MS;
}

/**
 * Moves the files of one folder into another. What is not there any more is taken over by another process at the same
 * moment; one that is not dead writes on.
 */
export function takeOver(from: string, to: string): void {
  unlessTaken(() => {
    for (const file of readdirSync(from)) {
      unlessTaken(() => {
        renameSync(join(from, file), join(to, file));
      });
    }
    rmdirSync(from);
  });
}

function unlessTaken(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY'].includes(codeOf(error))) throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

import { type FileHandle, open, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, isMissing } from './files.js';
import { runProgram } from './run-program.js';

/** What a server writes down of itself in its cluster: https://www.postgresql.org/docs/18/storage-file-layout.html */
export interface PidFile {
  readonly pid: number;
  readonly port: number;
}

/** Milliseconds after which a file without an id is what a full disk or a power cut left, not one being written. */
const WRITTEN_WITHIN_MS = 5000;

/** Whether a process has this id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * The server that runs on a cluster.
 *
 * After a crash the file stays, and its process id may belong to another program by now (in a container it often does).
 * The server itself would not start then, for ever. So the id is replaced by our own: the server takes its parent's id
 * for a remnant, and still looks whether anybody uses the old server's memory, which it would not with the file gone.
 */
export async function runningServer(cluster: string): Promise<PidFile | undefined> {
  const path = join(cluster, 'postmaster.pid');
  let file: FileHandle;
  try {
    file = await open(path, 'r+');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  try {
    const content = await file.readFile('utf8');
    const [id = '', , , port] = content.split('\n');
    const pid = Number(id);
    if (!Number.isSafeInteger(pid) || pid <= 0) {
      const { mtimeMs } = await file.stat();
      if (Date.now() - mtimeMs > WRITTEN_WITHIN_MS) await rm(path, { force: true });
      return undefined;
    }
    if (pid === process.pid || !isAlive(pid)) return undefined;
    if (await isServerOf(pid, cluster)) return { pid, port: Number(port) };
    // Through the same handle: where a server has replaced the file in between, this goes to the one that is gone.
    await replaceContent(file, `${process.pid}${content.slice(id.length)}`);
    return undefined;
  } finally {
    await file.close();
  }
}

async function replaceContent(file: FileHandle, content: string): Promise<void> {
  const { bytesWritten } = await file.write(content, 0);
  await file.truncate(bytesWritten);
}

async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  switch (process.platform) {
    case 'linux':
      return isServerOnLinux(pid, cluster);
    case 'win32':
      // There a server asks the process itself, which answers only if it is one.
      return true;
    default:
      return (await runProgram('ps', ['-ww', '-o', 'command=', '-p', String(pid)])).output.includes(cluster);
  }
}

async function isServerOnLinux(pid: number, cluster: string): Promise<boolean> {
  try {
    // A server's working folder is its cluster.
    return (await readlink(`/proc/${pid}/cwd`)) === cluster;
  } catch {
    // A container's root may not see where other users' processes work. What cannot be told counts as a server.
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => cluster);
    return line.includes(cluster);
  }
}

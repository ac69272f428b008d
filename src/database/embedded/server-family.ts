import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { runProgram } from './run-program.js';

/** How every process that a server makes calls itself: https://www.postgresql.org/docs/18/monitoring-ps.html */
const TITLE = 'postgres: ';

interface Process {
  readonly pid: number;
  readonly parent: number;
}

/** Lets a server that was stopped, as by SIGSTOP, and the processes that it has made go on: each was stopped by itself. */
export async function letGoOn(pid: number): Promise<void> {
  const children = (await allProcesses()).filter(({ parent }) => parent === pid);
  for (const one of [pid, ...children.map((child) => child.pid)]) signal(one, 'SIGCONT');
}

/**
 * Ends what is left of a server of this cluster that was killed. Such processes end by themselves, but not while they are
 * stopped; and as long as one of them has the memory that they shared, no new server starts.
 *
 * They are known by their working folder, which is the cluster, by their user, who owns it, by their title, and by their
 * parent, which is no such process: those of a server that runs are not touched. Linux alone tells all that.
 */
export async function endRemnants(cluster: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const { uid } = await stat(cluster);
  const family: Process[] = [];
  for (const one of await allProcesses()) {
    if (await worksIn(one.pid, cluster, uid)) family.push(one);
  }
  const ids = new Set(family.map(({ pid }) => pid));
  for (const { pid, parent } of family) {
    if (!ids.has(parent) && (await isMadeByServer(pid))) signal(pid, 'SIGKILL');
  }
}

async function allProcesses(): Promise<Process[]> {
  if (process.platform === 'linux') {
    const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
    return (await Promise.all(pids.map(processOnLinux))).filter((one) => one !== undefined);
  }
  const { output } = await runProgram('ps', ['-A', '-o', 'pid=,ppid=']);
  return output.split('\n').map((line) => {
    const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
    return { pid, parent };
  });
}

/** @returns nothing where it has ended */
async function processOnLinux(pid: number): Promise<Process | undefined> {
  const line = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name before it is in brackets, and may hold some itself.
  const parent = line?.slice(line.lastIndexOf(')')).split(' ')[2];
  return parent === undefined ? undefined : { pid, parent: Number(parent) };
}

async function worksIn(pid: number, folder: string, uid: number): Promise<boolean> {
  try {
    return (await readlink(`/proc/${pid}/cwd`)) === folder && (await stat(`/proc/${pid}`)).uid === uid;
  } catch {
    // It has ended, or is none of ours to look into.
    return false;
  }
}

async function isMadeByServer(pid: number): Promise<boolean> {
  const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return title.startsWith(TITLE);
}

function signal(pid: number, name: 'SIGCONT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended in between.
  }
}

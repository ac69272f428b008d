import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach } from '@jest/globals';
import { runClient } from '../../src/client/program.js';
import type { Output } from '../../src/client/terminal/terminal.js';

/** What a run of the client said and how it ended. */
export interface ClientRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientSurroundings {
  /** Alone: nothing of the test's own environment is seen. */
  readonly env?: Readonly<Record<string, string>>;
  /** All of standard input; a stream is typed piece by piece. */
  readonly stdin?: string | Readable;
  /** Aborted as by Ctrl-C. */
  readonly stop?: AbortSignal;
  /** Sees every piece of output as it is written. */
  readonly onOutput?: (piece: string, stream: 'stdout' | 'stderr') => void;
}

/** Runs the client inside this process, away from any terminal, against whatever `--url` names. */
export async function runClientHere(
  args: readonly string[],
  {
    env = {},
    stdin = '',
    stop = new AbortController().signal,
    onOutput = () => undefined,
  }: ClientSurroundings = {},
): Promise<ClientRun> {
  const written = { stdout: '', stderr: '' };
  const output = (stream: 'stdout' | 'stderr'): Output => ({
    write(piece) {
      written[stream] += piece;
      onOutput(piece, stream);
      return true;
    },
  });
  const host = {
    // A pipe is all that the client may count on where it is on no terminal.
    stdin: inputOf(stdin) as unknown as NodeJS.ReadStream,
    stdout: output('stdout'),
    stderr: output('stderr'),
    env,
  };
  const code = await runClient(args, host, stop);
  return { code, ...written };
}

function inputOf(stdin: string | Readable): Readable {
  return typeof stdin === 'string' ? new PassThrough().end(stdin) : stdin;
}

/** The client as its users start it, in a process of its own; it is ended with the test. */
export interface ClientProcess {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when the process has ended and all of its output is read. */
  readonly ended: Promise<ClientRun & { readonly signal: NodeJS.Signals | null }>;
}

/** The built client. */
export const CLIENT = new URL('../../dist/client/main.js', import.meta.url).pathname;

const running: ClientProcess[] = [];
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
});

/**
 * Starts a server that answers as no engine would; it ends with the test.
 * @returns its address
 */
export async function startOddServer(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts the built client; send it signals through `child.kill`, and write to `child.stdin` what is typed. */
export function startClient(
  args: readonly string[],
  { env = {}, cwd }: Pick<ClientSurroundings, 'env'> & { readonly cwd?: string } = {},
): ClientProcess {
  const child = spawn(process.execPath, [CLIENT, ...args], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...env },
  });
  const started = { child, ended: endOf(child) };
  running.push(started);
  return started;
}

async function endOf(child: ClientProcess['child']): Promise<Awaited<ClientProcess['ended']>> {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  return { code, signal, stdout, stderr };
}

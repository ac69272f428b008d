import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { PROMPTS, isMore, startStage } from './soak-stage.ts';

/** Resident memory of the service with all streams open, in MiB. */
const MAX_MIB = 400;

/** How long the streams are held, and how long they may take to open. */
const HOLD_MS = 10_000;
const OPEN_WITHIN_MS = 60_000;

/** Open files of a process besides its streams. */
const OTHER_FILES = 100;

/** What is asked, in turn, and how its first text is known. */
const STREAMS = [
  { path: '/api/report', body: { ...PROMPTS, stream: true }, first: 'event: field.delta' },
  {
    path: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: 'Hello' }], stream: true },
    first: '"content":',
  },
] as const;

/**
 * Many streams in which an engine falls silent after half a reply; then all callers leave.
 * @returns what went wrong
 */
export async function soakIdle({ streams }: { streams: number }): Promise<string[]> {
  requireFiles(2 * streams + OTHER_FILES);
  const stage = await startStage({
    ENGINE_CONNECTIONS: String(streams),
    REQUEST_TIMEOUT: '600',
    FIRST_TOKEN_TIMEOUT: '600',
    STALL_TIMEOUT: '600',
  });
  const memoryBefore = stage.service.rssMiB;
  await stage.script(Array.from({ length: streams }, () => ({ kind: 'stall', after: 'half' })));
  const callers = new Pool(stage.url, { connections: streams, headersTimeout: 0, bodyTimeout: 0 });
  let begun = 0;
  const all = Array.from({ length: streams }, (_, index) =>
    hold(callers, index, () => {
      begun++;
    }),
  );
  const until = performance.now() + OPEN_WITHIN_MS;
  while (begun < streams && performance.now() < until) await delay(100);
  await delay(HOLD_MS);
  const memory = stage.service.rssMiB;
  const open = { service: stage.service.sockets, engine: stage.engine.sockets };
  await callers.destroy();
  await Promise.all(all);
  const { before, after } = await stage.socketsLeft();
  const memoryAfter = stage.service.rssMiB;
  await stage.stop();

  const mib = [memoryBefore, memory, memoryAfter].map((one) => one.toFixed(0));
  console.log(`\n${begun} of ${streams} idle streams opened.`);
  console.log(
    `Memory: ${mib[0]} MiB before, ${mib[1]} MiB with them, ${mib[2]} MiB when all callers had left.`,
  );
  console.log(
    `Sockets of the service: ${before.service} before, ${open.service} with them, ${after.service} after.`,
  );
  console.log(
    `Sockets of the engine: ${before.engine} before, ${open.engine} with them, ${after.engine} after.`,
  );
  return [
    begun < streams && 'not every stream opened',
    memory > MAX_MIB && `idle streams took more than ${MAX_MIB} MiB`,
    isMore(after, before) && 'sockets were left open',
  ].filter((failure) => failure !== false);
}

/** Opens a stream, tells of its first text, and holds it until the connection is destroyed. */
async function hold(callers: Pool, index: number, onText: () => void): Promise<void> {
  const { path, body, first } = STREAMS[index % STREAMS.length] ?? STREAMS[0];
  const headers = { 'content-type': 'application/json' };
  let hasText = false;
  try {
    const response = await callers.request({ path, method: 'POST', headers, body: JSON.stringify(body) });
    for await (const piece of response.body as AsyncIterable<Buffer>) {
      if (hasText || !piece.includes(first)) continue;
      hasText = true;
      onText();
    }
  } catch {
    // The end of each of them: its connection is destroyed.
  }
}

/** Ends with a sentence where a process may not have so many files open; Node has raised its own limit already. */
function requireFiles(files: number): void {
  const limit = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
  if (limit === 'unlimited' || Number(limit) >= files) return;
  console.error(
    `So many streams need ${files} open files in one process and only ${limit} are allowed: ` +
      `raise the limit with "ulimit -Hn ${files}" (as root), or ask for fewer with --streams.`,
  );
  process.exit(1);
}

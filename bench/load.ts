import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OTHER_CORE } from './machine.ts';
import type { Target } from './targets.ts';

/** What one round of load measured. */
export interface Round {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicroseconds: number;
  readonly cpuMicrosecondsPerCall: number;
  readonly rssMiB: number;
  /** Replies other than 2xx, and broken connections. */
  readonly errors: number;
}

/** Sends the same POST over and over with wrk, from the other core where none is named, for some seconds. */
export function load(
  target: Target,
  {
    connections,
    seconds,
    core = OTHER_CORE,
  }: { readonly connections: number; readonly seconds: number; readonly core?: number },
): Round {
  const folder = mkdtempSync(join(tmpdir(), 'llm-service-wrk-'));
  const script = join(folder, 'post.lua');
  writeFileSync(
    script,
    `wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[${JSON.stringify(target.body)}]==]
done = function(summary, latency)
  io.write(string.format("RESULT %d %d %.3f %.3f %d\\n", summary.requests, summary.duration,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout))
end
`,
  );
  const cpuBefore = target.process?.cpuMicroseconds ?? 0;
  const output = execFileSync(
    'taskset',
    ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, target.url],
    { encoding: 'utf8' },
  );
  const cpu = (target.process?.cpuMicroseconds ?? 0) - cpuBefore;
  rmSync(folder, { recursive: true });
  const found = /RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+)/.exec(output);
  if (!found) throw new Error(`wrk printed no result:\n${output}`);
  const [requests, microseconds, p50Ms, p99Ms, errors] = found.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
  ];
  return {
    requests,
    requestsPerSecond: requests / (microseconds / 1e6),
    p50Ms,
    p99Ms,
    cpuMicroseconds: cpu,
    cpuMicrosecondsPerCall: cpu / requests,
    rssMiB: target.process?.rssMiB ?? 0,
    errors,
  };
}

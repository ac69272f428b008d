import type { CallAverages, CallStats } from './analyze/call-stats.js';
import { callTables } from './analyze/call-tables.js';
import type { LLMClient } from '../api/llm-client.js';
import type { Flags } from '../commands/command.js';
import type { Context } from '../context.js';
import { type ExitCode, wrongUse } from '../faults/fault.js';
import type { Encoding } from '../prompts/choices.js';
import type { Terminal } from '../terminal/terminal.js';
import type { CallGroups } from './call.js';
import { filterOf } from './filter.js';
import { localTime } from './local-time.js';
import { askLog, withLog } from './log-reader.js';
import { isGroups } from './own-answers.js';

/** `logs analyze [FILE.csv|-]` @throws ClientFault */
export async function analyzeLog(
  context: Context,
  flags: Flags,
  file: string | undefined,
): Promise<ExitCode> {
  if (file === undefined) {
    if (flags.encoding !== undefined) throw wrongUse('--encoding is for a file: name one, or leave it out.');
    return analyzeServer(context, filterOf(flags));
  }
  if (flags.from !== undefined || flags.to !== undefined)
    throw wrongUse('--from and --to are for the log of the service: a file is analysed as a whole.');
  const { encoding = 'utf-8' } = flags as { readonly encoding?: Encoding };
  const { analyzeFile } = await import('./analyze/analyze-file.js');
  const stats = await analyzeFile(file, encoding, context);
  context.terminal.print(callTables(stats));
  tellFile(stats, context.terminal);
  return 0;
}

function analyzeServer(context: Context, period: URLSearchParams): Promise<ExitCode> {
  const { terminal, stop } = context;
  return withLog(context, async (client) => {
    const versions = await readStats(client, 'prompt_version', period, stop);
    const { from, to } = versions;
    // Left out, they follow the clock: both tables are of the same calls.
    const models = await readStats(client, 'model', new URLSearchParams({ from, to }), stop);
    terminal.print(callTables({ byPromptVersion: averages(versions), byModel: averages(models) }));
    tellPeriod(versions, terminal);
    return 0;
  });
}

function readStats(
  client: LLMClient,
  by: string,
  period: URLSearchParams,
  signal: AbortSignal,
): Promise<CallGroups> {
  const query = new URLSearchParams([['by', by], ...period]);
  return askLog(client, `/api/stats?${query.toString()}`, isGroups, signal);
}

function averages({ groups }: CallGroups): CallAverages[] {
  return groups.map(({ name, calls, avg_latency_ms, avg_tokens }) => ({
    name: name ?? '',
    calls,
    latencyMs: avg_latency_ms,
    tokens: avg_tokens,
  }));
}

function tellFile({ byModel }: CallStats, terminal: Terminal): void {
  const calls = byModel.reduce((sum, group) => sum + group.calls, 0);
  const sentence = terminal.text({
    en: `${calls} ${calls === 1 ? 'call' : 'calls'} in the file; averages of all of them, answered or not.`,
    ko: `파일에 있는 호출 ${calls}건. 평균은 실패한 호출까지 포함합니다.`,
  });
  terminal.note(terminal.errorColors.dim(`\n${sentence}`));
}

function tellPeriod({ from, to, groups }: CallGroups, terminal: Terminal): void {
  const calls = groups.reduce((sum, group) => sum + group.calls, 0);
  const [start, end] = [from, to].map((moment) => localTime(new Date(moment)).slice(0, 16));
  const sentence = terminal.text({
    en: `${calls} ${calls === 1 ? 'call' : 'calls'}, ${start} to ${end}; averages of those answered.`,
    ko: `호출 ${calls}건, ${start} ~ ${end}. 평균은 성공한 호출 기준입니다.`,
  });
  terminal.note(terminal.errorColors.dim(`\n${sentence}`));
}

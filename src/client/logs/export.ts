import { withProgress } from './analyze/progress.js';
import { CallFailed } from '../api/call-failed.js';
import type { LLMClient } from '../api/llm-client.js';
import type { Flags } from '../commands/command.js';
import type { Context } from '../context.js';
import { ClientFault, type ExitCode, wrongUse } from '../faults/fault.js';
import type { Terminal } from '../terminal/terminal.js';
import { visibleLines } from '../terminal/visible.js';
import { ExportFile } from './export-file.js';
import { filterOf } from './filter.js';
import { noCallLog, withLog } from './log-reader.js';

const MIB = 1_048_576;

/** What the service sends an export as. */
const EXPORT_TYPE = /^(text\/csv|application\/x-ndjson)\b/i;

/** `logs export` @throws ClientFault */
export function exportCalls(context: Context, flags: Flags): Promise<ExitCode> {
  const query = filterOf(flags);
  const format = formatOf(flags);
  query.set('format', format);
  if (typeof flags.columns === 'string') query.set('columns', flags.columns);
  if (flags.bom === true) {
    if (format !== 'csv') throw wrongUse('--bom is for CSV: leave it out, or say --format csv.');
    query.set('bom', 'true');
  }
  const path = `/api/calls/export?${query.toString()}`;
  return typeof flags.output === 'string' && flags.output !== '-'
    ? exportToFile(path, flags.output, flags.overwrite === true, context)
    : withLog(context, (client) => exportToOutput(client, path, context));
}

/** @throws ClientFault where the file's name says no format and nothing else does, or another one than --format */
function formatOf({ format, output = '-' }: Flags): string {
  const [, ending] = /\.(csv|jsonl)$/i.exec(String(output)) ?? [];
  const named = ending?.toLowerCase();
  if (typeof format !== 'string') {
    if (named === undefined && output !== '-')
      throw wrongUse(
        `The name ${String(output)} does not say how calls are to be written; let it end with .csv or .jsonl, or say --format.`,
      );
    return named ?? 'csv';
  }
  if (named === undefined || named === format) return format;
  throw wrongUse(`--output ends with .${named}, and --format is ${format}: change one of the two.`);
}

/** @throws ClientFault where another server answered */
async function download(
  client: LLMClient,
  path: string,
  stop: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const answer = await client.download(path, stop);
  if (!EXPORT_TYPE.test(String(answer.headers['content-type']))) throw noCallLog(client.root);
  return answer;
}

async function exportToFile(
  path: string,
  name: string,
  mayReplace: boolean,
  context: Context,
): Promise<ExitCode> {
  const { terminal, stop } = context;
  const file = await ExportFile.open(name, mayReplace);
  return withLog(context, async (client) => {
    try {
      const chunks = withProgress(await download(client, path, stop), terminal, {
        everyMib: 1,
        tell: (mib) => terminal.text({ en: `${mib} MiB written`, ko: `${mib} MiB 저장` }),
      });
      for await (const chunk of chunks) await file.append(chunk);
    } catch (error) {
      await file.leave();
      if (file.bytes === 0) throw error;
      const left = `What came before is in ${file.part}, which is not the whole log: run the command again.`;
      if (stop.aborted) terminal.note(left);
      throw brokenOff(error, left);
    }
    await file.finish();
    tellWritten(file, terminal);
    return 0;
  });
}

async function exportToOutput(
  client: LLMClient,
  path: string,
  { terminal, stop }: Context,
): Promise<ExitCode> {
  const { isTTY } = terminal.host.stdout;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let isBegun = false;
  try {
    for await (const chunk of await download(client, path, stop)) {
      const text = decoder.decode(chunk, { stream: true });
      isBegun = true;
      terminal.print(isTTY ? visibleLines(text) : text);
      await terminal.drained(stop);
    }
    return 0;
  } catch (error) {
    throw isBegun ? brokenOff(error, 'What was printed is not the whole log: run the command again.') : error;
  }
}

/** Of a download that began: the server was there. */
function brokenOff(error: unknown, left: string): unknown {
  if (!(error instanceof CallFailed || error instanceof ClientFault)) return error;
  return new ClientFault(1, `${error.message} ${left}`, { cause: error });
}

function tellWritten({ name, bytes }: ExportFile, terminal: Terminal): void {
  const size = bytes < MIB ? `${Math.ceil(bytes / 1024)} KiB` : `${(bytes / MIB).toFixed(1)} MiB`;
  const sentence = terminal.text({
    en: `${size} written to ${name}.`,
    ko: `${name}에 ${size}를 저장했습니다.`,
  });
  terminal.note(terminal.errorColors.dim(sentence));
}

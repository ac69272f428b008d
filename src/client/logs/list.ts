import type { LLMClient } from '../api/llm-client.js';
import type { Flags } from '../commands/command.js';
import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import type { Terminal } from '../terminal/terminal.js';
import type { CallPage, ListedCall } from './call.js';
import { CallRows } from './call-rows.js';
import { filterOf } from './filter.js';
import { askLog, withLog } from './log-reader.js';
import { isPage } from './own-answers.js';

const DEFAULT_LIMIT = 20;

/** Calls that the service gives at once. */
const MAX_PAGE = 200;

/** `logs list` @throws ClientFault */
export function listCalls(context: Context, flags: Flags): Promise<ExitCode> {
  const { terminal, stop } = context;
  const limit = typeof flags.limit === 'number' ? flags.limit : DEFAULT_LIMIT;
  const print = flags.json === true ? printJson : tablePrinter(terminal);
  return withLog(context, async (client) => {
    let shown = 0;
    let hasMore = false;
    for await (const { calls, next_cursor } of callPages(client, filterOf(flags), limit, stop)) {
      print(calls, terminal);
      await terminal.drained(stop);
      shown += calls.length;
      hasMore = next_cursor !== null;
    }
    tellCount(shown, hasMore, terminal);
    return 0;
  });
}

/** The newest calls that match, page by page. */
export async function* callPages(
  client: LLMClient,
  filter: URLSearchParams,
  limit: number,
  signal: AbortSignal,
): AsyncGenerator<CallPage, void, undefined> {
  const query = new URLSearchParams(filter);
  for (let left = limit; left > 0;) {
    query.set('limit', String(Math.min(left, MAX_PAGE)));
    const body = await askLog(client, `/api/calls?${query.toString()}`, isPage, signal);
    yield body;
    // A page without a call would be asked for for ever.
    if (body.next_cursor === null || body.calls.length === 0) return;
    query.set('cursor', body.next_cursor);
    left -= body.calls.length;
  }
}

function printJson(calls: readonly ListedCall[], terminal: Terminal): void {
  for (const call of calls) terminal.printJson(call);
}

function tablePrinter({ columns, colors }: Terminal): typeof printJson {
  let rows: CallRows | undefined;
  return (calls, terminal) => {
    if (calls.length === 0) return;
    if (!rows) {
      rows = new CallRows(calls, columns, new Date());
      terminal.print(colors.bold(rows.header()));
    }
    for (const call of calls) terminal.print(rows.row(call));
  };
}

function tellCount(shown: number, hasMore: boolean, terminal: Terminal): void {
  const { text, errorColors } = terminal;
  const tell = (en: string, ko: string): void => {
    terminal.note(errorColors.dim(text({ en, ko })));
  };
  if (shown === 0) tell('No call matches.', '조건에 맞는 호출이 없습니다.');
  if (hasMore)
    tell(
      `The newest ${shown} only; --limit shows more.`,
      `최근 ${shown}건만 표시했습니다. 더 보려면 --limit을 늘리세요.`,
    );
}

import { isDeepStrictEqual } from 'node:util';
import type { Receipt } from './callers.ts';
import type { OwnPostgres } from './postgres.ts';

/** Rows that are looked up with one question. */
const AT_ONCE = 500;

/** What the call log has of what callers received. */
export interface Comparison {
  readonly rows: number;
  readonly compared: number;
  /** Sentences on calls that have no row, or not the right one. */
  readonly lost: readonly string[];
  readonly doubled: number;
  /** Rows of calls that never ended, of services that were killed. */
  readonly unfinished: number;
  /** Rows of calls that never ended, of the service that lives. */
  readonly stillRunning: number;
}

interface Row {
  readonly id: string;
  readonly outcome: string;
  readonly question: string;
  readonly answer: string | null;
  readonly reply: string | null;
}

/** Holds the receipts against the call log. */
export async function compare(receipts: readonly Receipt[], database: OwnPostgres): Promise<Comparison> {
  const lost: string[] = [];
  for (let from = 0; from < receipts.length; from += AT_ONCE) {
    const some = receipts.slice(from, from + AT_ONCE);
    const rows = await database.query<Row>(
      'select id, outcome, question, answer, reply::text as reply from calls where id = any($1)',
      undefined,
      [some.map(({ callId }) => callId)],
    );
    const byId = Map.groupBy(rows, ({ id }) => id);
    for (const receipt of some) {
      const problem = problemOf(receipt, byId.get(receipt.callId) ?? []);
      if (problem !== undefined) lost.push(`${receipt.callId} (${receipt.kind}): ${problem}`);
    }
  }
  const [counts] = await database.query<Record<'rows' | 'doubled' | 'unfinished' | 'still', number>>(`
    with latest as (select id from instances order by started_at desc limit 1)
    select
      count(*)::int as rows,
      (count(*) - count(distinct id))::int as doubled,
      (count(*) filter (where outcome in ('running', 'interrupted')))::int as unfinished,
      (count(*) filter (where outcome in ('running', 'interrupted') and instance_id = (select id from latest)))::int as still
    from calls`);
  const { rows = 0, doubled = 0, unfinished = 0, still = 0 } = counts ?? {};
  return { rows, compared: receipts.length, lost, doubled, unfinished, stillRunning: still };
}

function problemOf(receipt: Receipt, rows: readonly Row[]): string | undefined {
  const [row] = rows;
  if (!row || rows.length > 1) return `${rows.length} rows`;
  if (row.outcome !== 'ok') return `its row says ${row.outcome}`;
  if (row.question !== receipt.question) return `its row has the question ${JSON.stringify(row.question)}`;
  if (receipt.answer !== undefined && row.answer !== receipt.answer) {
    return `received ${JSON.stringify(receipt.answer)}, its row has ${JSON.stringify(row.answer)}`;
  }
  if (receipt.reply !== undefined && !isDeepStrictEqual(receipt.reply, parsed(row.reply))) {
    return `received ${JSON.stringify(receipt.reply)}, its row has ${row.reply ?? 'nothing'}`;
  }
  return undefined;
}

function parsed(text: string | null): unknown {
  return text === null ? undefined : JSON.parse(text);
}

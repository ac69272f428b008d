import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RawPiece } from '../src/engine/stub/faults.js';
import { SAID } from './support/engine-questions.js';
import { CALLERS, type FaultRow, play } from './support/fault-matrix.js';
import { cellsOf, indexOf, markdownTable, type PlayedRow } from './support/fault-table.js';

const PAGE = 'docs/faults.md';

/** A stream shows silence; of a whole reply nobody can tell whether it is still being written. */
const UNTIL_FIRST_TOKEN = { whole: 'REQUEST_TIMEOUT', stream: 'FIRST_TOKEN_TIMEOUT' } as const;
const UNTIL_STALL = { whole: 'REQUEST_TIMEOUT', stream: 'STALL_TIMEOUT' } as const;

/** A head that never ends: longer than the limit that waits for it, though it never pauses for long. */
const SLOW_HEAD: RawPiece[] = Array.from({ length: 200 }, () => ['x', { pauseMs: 50 }]).flat();

/** Events that say nothing, before every one that does. */
const NOTHING_TO_SAY =
  'event: ping\ndata: {"type":"ping"}\n\ndata: null\n\ndata: keep-alive\n\ndata:\n\ndata: ';

const TALE = 'Tell me more about it, please. ';

const GROUPS: Readonly<Record<string, readonly FaultRow[]>> = {
  connections: [
    { fault: 'refuses the connection', script: 'down' },
    { fault: 'resets the connection before the headers', script: { kind: 'reset', after: 'request' } },
    { fault: 'resets the connection after the headers', script: { kind: 'reset', after: 'headers' } },
    { fault: 'resets the connection in the middle of the reply', script: { kind: 'reset', after: 'half' } },
    { fault: 'hangs up before the headers', script: { kind: 'hang-up', after: 'request' } },
    { fault: 'hangs up in the middle of the reply', script: { kind: 'hang-up', after: 'half' } },
    { fault: 'hangs up after the last token', script: { kind: 'hang-up', after: 'tokens' } },
    {
      fault: 'half-closes the connection before the headers',
      script: { kind: 'half-close', after: 'request' },
    },
    {
      fault: 'half-closes the connection in the middle of the reply',
      script: { kind: 'half-close', after: 'half' },
    },
  ],
  silence: [
    {
      fault: 'says nothing, not even headers',
      script: { kind: 'stall', after: 'request' },
      bound: UNTIL_FIRST_TOKEN,
    },
    {
      fault: 'sends its headers byte by byte without end',
      script: { kind: 'raw', bare: true, body: ['HTTP/1.1 200 OK\r\nx-slow: ', ...SLOW_HEAD] },
      bound: UNTIL_FIRST_TOKEN,
    },
    {
      fault: 'falls silent after the headers',
      script: { kind: 'stall', after: 'headers' },
      bound: UNTIL_FIRST_TOKEN,
    },
    {
      fault: 'falls silent before the first token',
      script: { kind: 'stall', after: 'role' },
      bound: 'FIRST_TOKEN_TIMEOUT',
      streamsOnly: true,
    },
    {
      fault: 'falls silent in the middle of the reply',
      script: { kind: 'stall', after: 'half' },
      bound: UNTIL_STALL,
    },
    {
      fault: 'drips its reply, byte by byte',
      script: { kind: 'drip', everyMs: 20 },
      bound: 'REQUEST_TIMEOUT',
    },
    { fault: 'sends headers and reply late, within the limits', script: { kind: 'delay', ms: 300 } },
  ],
  replies: [
    {
      fault: 'sends an error instead of a reply, with 200',
      script: { kind: 'engine-error', message: SAID },
    },
    {
      fault: 'sends an error event in the middle of the stream',
      script: { kind: 'engine-error', message: SAID, afterTokens: 40 },
      streamsOnly: true,
    },
    { fault: 'leaves out `[DONE]`', script: { kind: 'cut', missing: 'done' }, streamsOnly: true },
    { fault: 'leaves out `finish_reason`', script: { kind: 'cut', missing: 'finish' }, streamsOnly: true },
    { fault: 'ends its reply in the middle, in good order', script: { kind: 'cut', missing: 'both' } },
    {
      fault: 'says that it aborted the reply (`finish_reason`)',
      script: { kind: 'reply', finishReason: 'abort' },
    },
    {
      fault: 'says that a filter of its own stopped the reply (`finish_reason`)',
      script: { kind: 'reply', finishReason: 'content_filter' },
    },
    { fault: 'sends an empty body', script: { kind: 'raw', body: [] } },
    { fault: 'sends a text that is neither JSON nor events', script: { kind: 'raw', body: [SAID] } },
    { fault: 'answers with a web page', script: { kind: 'html' } },
    {
      fault: 'sends an event that is not JSON',
      script: { kind: 'raw', body: [`data: {${SAID}\n\n`] },
      streamsOnly: true,
    },
    {
      fault: 'sends a line without end',
      script: { kind: 'raw', body: [{ repeat: 'x'.repeat(65_536), times: 64 }] },
      streamsOnly: true,
    },
    {
      fault: 'sends more than `ENGINE_MAX_REPLY_BYTES` that is no text',
      script: { kind: 'raw', body: [{ repeat: `: ${'x'.repeat(1000)}\n\n`, times: 400 }] },
      settings: { engineMaxReplyBytes: 262_144 },
    },
    { fault: 'sends a reply of 400 MB', script: { kind: 'huge', bytes: 400_000_000 } },
  ],
  harmless: [
    {
      fault: 'ends its lines with CR LF',
      script: { kind: 'rewrite', replace: [['\n', '\r\n']] },
      streamsOnly: true,
    },
    {
      fault: 'puts comments between its events',
      script: { kind: 'rewrite', replace: [['data: ', ': ping\n\ndata: ']] },
      streamsOnly: true,
    },
    {
      fault: 'puts lines of garbage between its events',
      script: { kind: 'rewrite', replace: [['data: ', `${SAID}\n\nretry: soon\ndata: `]] },
      streamsOnly: true,
    },
    {
      fault: 'puts a line of 1 MB between its events',
      script: { kind: 'rewrite', replace: [['data: [DONE]', `: ${'x'.repeat(1_000_000)}\n\ndata: [DONE]`]] },
      streamsOnly: true,
    },
    {
      fault: 'tears characters and events apart',
      script: { kind: 'drip', everyMs: 0, bytes: 5 },
    },
    {
      fault: 'ends its lines with CR alone',
      script: { kind: 'rewrite', replace: [['\n', '\r']] },
      streamsOnly: true,
    },
    {
      fault: 'leaves out the blank line behind `[DONE]`',
      script: { kind: 'rewrite', replace: [['data: [DONE]\n\n', 'data: [DONE]']] },
      streamsOnly: true,
    },
    {
      fault: 'sends `null`, pings and words between its events',
      script: { kind: 'rewrite', replace: [['data: ', NOTHING_TO_SAY]] },
      streamsOnly: true,
    },
    {
      fault: 'compresses its reply, which nobody asked for',
      script: { kind: 'rewrite', replace: [], coding: 'gzip' },
    },
    {
      fault: 'names another content type',
      script: { kind: 'rewrite', replace: [], headers: { 'content-type': 'application/octet-stream' } },
    },
  ],
  models: [
    { fault: 'writes blanks without end', script: { kind: 'endless', text: ' \n' } },
    { fault: 'writes digits without end', script: { kind: 'endless', text: '1234567890' } },
    { fault: 'writes the same sentence without end', script: { kind: 'endless', text: TALE } },
    {
      fault: 'reasons until its tokens are spent',
      script: { kind: 'reply', content: null, reasoning: 'Let me think.', finishReason: 'length' },
    },
    {
      fault: 'reasons in a loop',
      script: { kind: 'reply', content: null, reasoning: TALE.repeat(4000) },
    },
  ],
  statuses: [
    {
      fault: 'answers 400',
      script: { kind: 'status', status: 400, body: { object: 'error', message: SAID } },
    },
    {
      fault: 'answers 400, for the context',
      script: {
        kind: 'status',
        status: 400,
        body: { error: { message: SAID, code: 'context_length_exceeded' } },
      },
    },
    {
      fault: 'answers 400, for its content filter',
      script: { kind: 'status', status: 400, body: { error: { message: SAID, code: 'content_filter' } } },
    },
    { fault: 'answers 401', script: { kind: 'status', status: 401, body: { error: SAID } } },
    { fault: 'answers 402', script: { kind: 'status', status: 402, body: { error: { message: SAID } } } },
    { fault: 'answers 404, for the path', script: { kind: 'status', status: 404, body: { detail: SAID } } },
    {
      fault: 'answers 404, for the model',
      script: { kind: 'status', status: 404, body: { error: { message: SAID, param: 'model', code: 404 } } },
    },
    { fault: 'answers 408', script: { kind: 'status', status: 408, body: { error: { message: SAID } } } },
    { fault: 'answers 409', script: { kind: 'status', status: 409, body: { error: { message: SAID } } } },
    {
      fault: 'answers 429, for its quota',
      script: { kind: 'status', status: 429, body: { error: { message: SAID, code: 'insufficient_quota' } } },
    },
    { fault: 'answers 429', script: { kind: 'status', status: 429, body: { error: { message: SAID } } } },
    {
      fault: 'answers 429 with `Retry-After: 1`',
      script: { kind: 'status', status: 429, headers: { 'retry-after': '1' } },
      bound: 'Retry-After',
    },
    {
      fault: 'answers 429 with `Retry-After: 60`',
      script: { kind: 'status', status: 429, headers: { 'retry-after': '60' } },
    },
    { fault: 'answers 500', script: { kind: 'status', status: 500, body: { error: { message: SAID } } } },
    { fault: 'answers 503', script: { kind: 'status', status: 503, body: SAID } },
    {
      fault: 'redirects',
      script: { kind: 'redirect', location: 'http://127.0.0.1:9/v1/chat/completions' },
    },
  ],
};

const rows = Object.values(GROUPS).flat();
const page = readFileSync(PAGE, 'utf8');
const isRewritten = process.env.UPDATE_DOCS === '1';
const played = new Map<FaultRow, PlayedRow>();

/** Node's own process, not the copy that Jest gives to tests: only this one hears of warnings. */
const node = runInThisContext('process') as NodeJS.Process;
const warnings: Error[] = [];
const note = (warning: Error): unknown => warnings.push(warning);
let listenersBefore: object;

beforeAll(() => {
  node.on('warning', note);
  listenersBefore = countListeners();
});

afterAll(() => {
  node.off('warning', note);
});

describe('an engine that', () => {
  it.each(rows)('$fault is as docs/faults.md says, and leaves nothing behind', async (row) => {
    const callers = CALLERS.filter(({ delivery }) => !row.streamsOnly || delivery === 'stream');
    const endings = await Promise.all(
      callers.map(async (caller) => [caller, await play(row, caller)] as const),
    );
    const result = { row, endings: new Map(endings) };
    played.set(row, result);

    if (!isRewritten) expect(cellsOf(result)).toEqual(documented(row));
  });
});

describe('the process', () => {
  it('got no listener, and no warning of too many on anything', async () => {
    expect(countListeners()).toEqual(listenersBefore);
    // Warnings come in order. Jest itself causes some of this kind.
    node.emitWarning('the last one', 'ExperimentalWarning');
    while (warnings.at(-1)?.message !== 'the last one') await once(node, 'warning');
    expect(warnings.filter(({ name }) => name !== 'ExperimentalWarning')).toEqual([]);
  });
});

describe(PAGE, () => {
  it('has these rows and no others, in this order', () => {
    expect([...played.keys()]).toEqual(rows);
    const text = rewritten([...played.values()]);
    if (isRewritten) writeFileSync(PAGE, text);
    else expect(page).toBe(text);
  });
});

/** What the page says of a row. */
function documented({ fault }: FaultRow): string[] | undefined {
  return page
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) =>
      line
        .slice(1, -1)
        .split(' | ')
        .map((cell) => cell.trim()),
    )
    .find(([first]) => first === fault);
}

/** The page with its tables made anew. */
function rewritten(results: readonly PlayedRow[]): string {
  const tables = new Map([['seen', indexOf(results)]]);
  for (const [name, own] of Object.entries(GROUPS)) {
    const cells = results.filter(({ row }) => own.includes(row)).map(cellsOf);
    tables.set(name, markdownTable(['the engine', 'once', 'never stops', 'when'], cells));
  }
  return page.replaceAll(
    /(<!-- table: (\w+) -->).*?(<!-- end -->)/gs,
    (_, begin: string, name: string, end: string) => `${begin}\n\n${tables.get(name) ?? ''}\n\n${end}`,
  );
}

function countListeners(): object {
  return Object.fromEntries(node.eventNames().map((name) => [name, node.listenerCount(name)]));
}

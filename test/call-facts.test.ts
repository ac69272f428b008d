import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { CallEvents } from '../src/calls/call-events.js';
import { CallLog } from '../src/calls/call-log.js';
import type { CallRecord } from '../src/calls/call-record.js';
import { FACT_NAMES, factOf, JSON_COLUMNS, PLAIN_COLUMNS } from '../src/calls/call-columns.js';
import { callRow } from '../src/call-store/call-row.js';
import { answeredStep } from './support/records.js';

const INSTANCE = '019aa5a5-0000-7000-8000-000000000000';

afterEach(() => {
  jest.restoreAllMocks();
});

/** The columns of a row, JSON as text. */
function columnsOf(call: CallRecord, withContent = true): Record<string, unknown> {
  const row = callRow(call, INSTANCE, withContent);
  const texts = JSON_COLUMNS.map((name) => [name, row[name]?.toString() ?? null]);
  return {
    ...(JSON.parse(row.facts) as Record<string, unknown>),
    ...(Object.fromEntries(texts) as Record<string, unknown>),
  };
}

/** A table as Prettier writes it. */
function table(rows: readonly (readonly [string, string])[]): string {
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const padded = ([name, doc]: readonly [string, string]): string =>
    line([name.padEnd(widths[0] ?? 0), doc.padEnd(widths[1] ?? 0)]);
  const [head, ...body] = rows.map(padded);
  return [head, line(widths.map((width) => '-'.repeat(width))), ...body].join('\n');
}

describe('docs/logs.md', () => {
  it('has the table of the columns as they are declared in src/calls/call-facts.ts', () => {
    const declared = FACT_NAMES.map((name) => [`\`${name}\``, factOf(name).doc] as const);
    const [shown] =
      /(?<=## What a row holds\n\n)\|.*?(?=\n\n)/s.exec(readFileSync('docs/logs.md', 'utf8')) ?? [];
    expect(shown).toBe(table([['column', ''], ...declared]));
  });
});

describe('the facts of a call', () => {
  it('are all in its row', () => {
    const row = callRow(answeredStep(), INSTANCE, true);
    expect(Object.keys(row.firstFacts ?? {})).toEqual(PLAIN_COLUMNS);
  });

  it('are what its record has', () => {
    const call = answeredStep('01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0');
    expect(columnsOf(call)).toMatchObject({
      id: '01a1fe6f-0b92-7eac-80d4-b7fdf88c38d0',
      started_at: '2026-11-21T14:07:32.754Z',
      instance_id: INSTANCE,
      outcome: 'ok',
      task: 'interview_step',
      key_name: 'local',
      turn: 3,
      tags: [],
      queue_ms: 0.3,
      engine_ms: 812.45,
      action: 'FOLLOW_UP',
      system_prompt_hash: 'c0ffee',
      input: '{"task":"interview_step","user_prompt":"Hello"}',
    });
  });

  it('are no durations and no end while it runs', () => {
    const call = answeredStep();
    call.outcome = undefined;
    expect(columnsOf(call)).toMatchObject({ outcome: 'running', ended_at: null });
    expect(columnsOf(call)).not.toHaveProperty('total_ms');
  });

  it('hold the verdict and no texts under LOG_CONTENT=none', () => {
    const call = answeredStep();
    call.verdict = { score: 7, isPassed: true, action: 'FOLLOW_UP' };
    const columns = columnsOf(call, false);
    expect(columns).toMatchObject({
      score: 7,
      is_passed: true,
      action: 'FOLLOW_UP',
      input: null,
      request: null,
      reply: null,
    });
    expect(columns).not.toHaveProperty('question');
    expect(JSON.parse(String(columns.tries))).toEqual([
      {
        id: 'try-1',
        engine: 'http://gpu-1:30000',
        ms: 812.4,
        judgement: 'strict',
        usage: expect.any(Object),
      },
    ]);
  });

  it('hold input that jsonb takes, whatever was sent', () => {
    const call = answeredStep();
    call.content.input = JSON.stringify({ text: 'a\0b\ud800c😀', path: '\\u0000' });
    expect(JSON.parse(String(columnsOf(call).input))).toEqual({ text: 'a\ufffdb\ufffdc😀', path: '\\u0000' });
  });
});

describe('the log line of a call', () => {
  /** What is logged when a call ends. */
  function lineOf(call: CallRecord): Record<string, unknown> {
    const log = jest.spyOn(Logger.prototype, 'log').mockReturnValue();
    const events = new CallEvents();
    new CallLog(events);
    events.emit('end', call);
    return log.mock.calls[0]?.[0] as Record<string, unknown>;
  }

  it('has its fields in their order', () => {
    expect(Object.keys(lineOf(answeredStep()))).toEqual([
      'message',
      'call_id',
      'request_id',
      'task',
      'lane',
      'stream',
      'outcome',
      'code',
      'left',
      'rung',
      'model',
      'provider',
      'attempts',
      'resets',
      'prompt_tokens',
      'completion_tokens',
      'wasted_tokens',
      'queue_ms',
      'engine_ms',
      'first_token_ms',
      'first_field_ms',
      'total_ms',
      'key',
      'interview_id',
      'turn',
      'user_id',
      'tags',
      'prompt_version',
    ]);
  });

  it('leaves out what says nothing', () => {
    const line = lineOf(answeredStep());
    for (const name of ['stream', 'left', 'resets', 'wasted_tokens', 'tags'])
      expect(line[name]).toBeUndefined();
  });

  it('has durations to a tenth of a millisecond', () => {
    expect(lineOf(answeredStep())).toMatchObject({ queue_ms: 0.3, engine_ms: 812.4, total_ms: 813.1 });
  });
});

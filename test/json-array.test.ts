import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Pool } from 'pg';
import { jsonArray, type JsonText, storableJson } from '../src/database/json-array.js';

let pool: Pool;

beforeAll(() => {
  pool = new Pool({ connectionString: process.env.TEST_DATABASE_URL, max: 1 });
});

afterAll(() => pool.end());

async function throughPostgres(texts: readonly (JsonText | null)[]): Promise<(string | null)[]> {
  const { rows } = await pool.query<{ text: string | null }>(
    'select text::text from unnest($1::json[]) with ordinality as sent (text, place) order by place',
    [jsonArray(texts)],
  );
  return rows.map(({ text }) => text);
}

describe('an array of JSON texts reaches PostgreSQL', () => {
  it.each<{ name: string; texts: (JsonText | null)[]; arrives: (string | null)[] }>([
    { name: 'as it was written, with its spaces', texts: ['{"a" :  1}'], arrives: ['{"a" :  1}'] },
    {
      name: 'with quotes, commas and braces',
      texts: ['"{\\"a\\",b}"', '[]'],
      arrives: ['"{\\"a\\",b}"', '[]'],
    },
    {
      name: 'with letters of two, three and four bytes',
      texts: ['"é한😀"', '"글"'],
      arrives: ['"é한😀"', '"글"'],
    },
    { name: 'as bytes', texts: [Buffer.from('"한국어"'), '1'], arrives: ['"한국어"', '1'] },
    { name: 'with nothing in between', texts: [null, '1', null], arrives: [null, '1', null] },
    { name: 'with nothing else', texts: [null], arrives: [null] },
    {
      name: 'with escapes that its texts cannot hold',
      texts: ['"\\u0000\\ud800"'],
      arrives: ['"\\u0000\\ud800"'],
    },
  ])('$name', async ({ texts, arrives }) => {
    expect(await throughPostgres(texts)).toEqual(arrives);
  });

  it('and what is no JSON is refused there', async () => {
    await expect(throughPostgres(['1', '{'])).rejects.toMatchObject({ code: '22P02' });
  });
});

describe('an array of jsonb', () => {
  async function throughJsonb(...texts: (JsonText | null)[]): Promise<unknown[]> {
    const { rows } = await pool.query<{ value: unknown }>(
      'select value from unnest($1::jsonb[]) with ordinality as sent (value, place) order by place',
      [jsonArray(texts, 'jsonb')],
    );
    return rows.map(({ value }) => value);
  }

  it('reaches PostgreSQL with texts, bytes and nothing in between', async () => {
    expect(await throughJsonb('{"a": [1, "한😀"]}', null, Buffer.from('"글"'))).toEqual([
      { a: [1, '한😀'] },
      null,
      '글',
    ]);
  });

  it.each([
    { name: 'NUL', json: String.raw`"a\u0000b"`, value: 'a\ufffdb' },
    { name: 'the first half of a pair', json: String.raw`"a\ud800b"`, value: 'a\ufffdb' },
    { name: 'the second half of a pair', json: String.raw`"a\uDC00b"`, value: 'a\ufffdb' },
    { name: 'two first halves', json: String.raw`"\ud800\ud83d\ude00"`, value: '\ufffd😀' },
    { name: 'a whole pair', json: String.raw`"\ud83d\ude00"`, value: '😀' },
    {
      name: 'a backslash before what looks like NUL',
      json: String.raw`"\\u0000"`,
      value: String.raw`\u0000`,
    },
    { name: 'two backslashes before NUL', json: String.raw`"\\\u0000"`, value: '\\\ufffd' },
    { name: 'other escapes', json: String.raw`"\n\u00e9\""`, value: '\né"' },
  ])('takes $name from a text that is made storable', async ({ json, value }) => {
    expect(await throughJsonb(storableJson(json))).toEqual([value]);
  });
});

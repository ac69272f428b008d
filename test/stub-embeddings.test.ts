import { describe, expect, it } from '@jest/globals';
import type { StubOptions } from '../src/engine/stub/stub-server.js';
import { ask, EMBEDDINGS, startStub } from './stub-support.js';

interface EmbeddingReply {
  data: { embedding: number[] | string; index: number }[];
}

/** The vectors of some texts. */
async function embed(input: string | string[], body: object = {}): Promise<number[][]> {
  const { text } = await ask(await startStub(), { input, ...body }, EMBEDDINGS);
  return (JSON.parse(text) as EmbeddingReply).data.map(({ embedding }) => embedding as number[]);
}

function inner(a: number[] = [], b: number[] = []): number {
  return a.reduce((sum, value, index) => sum + value * (b[index] ?? 0), 0);
}

describe('an embedding', () => {
  it("comes in SGLang's shape", async () => {
    const { status, text } = await ask(await startStub(), { input: ['Hello', 'you'] }, EMBEDDINGS);
    expect(status).toBe(200);
    expect(text.replaceAll(/\[-?[\d.e,-]+\]/g, '[…]')).toBe(
      '{"data":[{"embedding":[…],"index":0,"object":"embedding"},{"embedding":[…],"index":1,"object":"embedding"}],' +
        '"model":"qwen-stub","object":"list","usage":{"prompt_tokens":3,"total_tokens":3,"completion_tokens":0,' +
        '"prompt_tokens_details":null,"reasoning_tokens":0,"completion_tokens_details":null}}',
    );
  });

  it("comes in OpenAI's shape from that dialect", async () => {
    const stub = await startStub({ dialect: 'openai' });
    const { text } = await ask(stub, { input: 'Hello' }, EMBEDDINGS);
    expect(text.replace(/\[-?[\d.e,-]+\]/, '[…]')).toBe(
      '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[…]}],"model":"qwen-stub",' +
        '"usage":{"prompt_tokens":2,"total_tokens":2}}',
    );
  });

  it('has the length 1 and as many dimensions as asked, 256 if nobody asks', async () => {
    const [usual] = await embed('How do you find a slow query?');
    const [few] = await embed('How do you find a slow query?', { dimensions: 32 });
    expect([usual?.length, few?.length]).toEqual([256, 32]);
    expect(inner(usual, usual)).toBeCloseTo(1, 5);
    expect(inner(few, few)).toBeCloseTo(1, 5);
  });

  it('has the length 1 even for a text without words, and in one dimension', async () => {
    const [marks] = await embed('?!');
    const [single] = await embed('one two three four', { dimensions: 1 });
    expect(inner(marks, marks)).toBeCloseTo(1, 5);
    expect(inner(single, single)).toBe(1);
  });

  it('is the same for the same text', async () => {
    const [one, other, capital] = await embed(['A slow query', 'A slow query', 'a SLOW query']);
    expect(other).toEqual(one);
    expect(capital).toEqual(one);
  });

  it.each([
    [
      'I read the plan of each slow query',
      'Slow queries: read their plans',
      'We deploy with Kubernetes every Friday',
    ],
    [
      '데이터베이스 트랜잭션을 설명해 주세요',
      '트랜잭션과 데이터베이스의 격리 수준',
      '쿠버네티스로 배포한 경험',
    ],
  ])('is nearer to a similar text than to another: %s', async (text, similar, other) => {
    const [a, b, c] = await embed([text, similar, other]);
    expect(inner(a, b)).toBeGreaterThan(0.3);
    expect(inner(a, c)).toBeLessThan(0.2);
  });

  it('is the same numbers in base64', async () => {
    const [floats] = await embed('Hello');
    const { text } = await ask(await startStub(), { encoding_format: 'base64' }, EMBEDDINGS);
    const [{ embedding } = { embedding: '' }] = (JSON.parse(text) as EmbeddingReply).data;
    const bytes = Buffer.from(embedding as string, 'base64');
    const numbers = Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
    expect(numbers).toEqual(floats);
  });

  it('answers under the name of a stub, the server’s own where none is given', async () => {
    const stub = await startStub();
    expect((await ask(stub, { model: 'bge' }, EMBEDDINGS)).text).toContain('"model":"bge-stub"');
    expect((await ask(stub, { model: undefined }, EMBEDDINGS)).text).toContain('"model":"qwen-stub"');
  });
});

describe('the refusal of an embedding', () => {
  it.each([
    [{ input: '' }, 'Input cannot be empty'],
    [{ input: [] }, 'Input cannot be empty'],
    [{ input: '  ' }, 'Input cannot be empty or whitespace only'],
    [{ input: ['a', ' '] }, 'Input at index 1 cannot be empty or whitespace only'],
    [{ input: Array(2049).fill('a') }, expect.stringContaining('maximum length 2048')],
    [{ dimensions: 0 }, 'The stub makes 1 to 4096 dimensions, got 0.'],
    [{ dimensions: 4097 }, 'The stub makes 1 to 4096 dimensions, got 4097.'],
    [{ encoding_format: 'hex' }, "encoding_format must be either 'float' or 'base64', got 'hex'"],
    [{ input: undefined }, expect.stringContaining('line 1882, in openai_v1_embeddings')],
    [{ input: [1, 2] }, expect.stringContaining("'loc': ('body', 'input')")],
  ])('says what is wrong', async (body, message) => {
    const { status, text } = await ask(await startStub(), body, EMBEDDINGS);
    expect([status, JSON.parse(text)]).toMatchObject([400, { message }]);
  });

  it('does not meet 2048 texts', async () => {
    expect(await embed(Array<string>(2048).fill('a'), { dimensions: 2 })).toHaveLength(2048);
  });

  it.each<Partial<StubOptions>>([{ dialect: 'sglang' }, { dialect: 'openai' }])(
    'meets a wrong key: %j',
    async (options) => {
      const stub = await startStub({ apiKey: 'secret', ...options });
      expect((await ask(stub, {}, EMBEDDINGS)).status).toBe(401);
    },
  );
});

describe('a fault of an embedding', () => {
  it('comes from the script, and the request is remembered', async () => {
    const stub = await startStub();
    stub.script({ kind: 'status', status: 500 });
    expect((await ask(stub, {}, EMBEDDINGS)).status).toBe(500);
    expect(stub.requests).toMatchObject([{ path: '/v1/embeddings', body: { input: 'Hello' } }]);
  });

  it('can be half of its JSON', async () => {
    const stub = await startStub();
    stub.script({ kind: 'cut', missing: 'both' });
    const { text } = await ask(stub, {}, EMBEDDINGS);
    expect(text).toMatch(/^\{"data"/);
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
  });

  it('can be a huge vector', async () => {
    const stub = await startStub();
    stub.script({ kind: 'huge', bytes: 40_000 });
    const { text } = await ask(stub, {}, EMBEDDINGS);
    const [{ embedding } = { embedding: [] }] = (JSON.parse(text) as EmbeddingReply).data;
    expect(embedding.length).toBeGreaterThanOrEqual(10_000);
  });
});

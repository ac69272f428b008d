import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { NotFoundError, OpenAI } from 'openai';
import type { EngineSlot } from './engine-slot.js';
import { PROFILE_FORMAT, VALIDATED } from './questions.js';
import { ContractService } from './service.js';
import { isProfile } from './shapes.js';

const MESSAGES = [{ role: 'user', content: 'Tell me about that project.' }] as const;

export function describeClients(engines: EngineSlot): void {
  describe('with OpenAI’s own clients', () => {
    it('answers the one for Node', async () => {
      const { client, model } = await connect(engines);
      const asked = { model, messages: [...MESSAGES], temperature: 0 };

      const chat = await client.chat.completions.create(asked);
      const stream = await client.chat.completions.stream(asked).finalChatCompletion();
      const { choices } = await client.chat.completions.parse(
        { ...asked, ...PROFILE_FORMAT },
        { headers: VALIDATED },
      );

      expect(chat.choices[0]?.message.content).toBeTruthy();
      expect(chat.usage?.total_tokens).toBeGreaterThan(0);
      expect(stream.choices[0]).toMatchObject({
        finish_reason: 'stop',
        message: { content: expect.stringMatching(/./) },
      });
      expect(isProfile(choices[0]?.message.parsed)).toBe(true);
      expect((await client.models.retrieve(model)).id).toBe(model);
      await expect(client.chat.completions.create({ ...asked, model: 'nobody/nothing' })).rejects.toThrow(
        NotFoundError,
      );
    });

    const { python } = engines.driver;
    (python ? it : it.skip)('answers the one for Python', async () => {
      const { client, model } = await connect(engines);
      const asked = { model, messages: MESSAGES, temperature: 0 };
      const calls = [
        { path: 'chat.completions.create', arguments: asked },
        { path: 'chat.completions.create', arguments: { ...asked, stream: true } },
        {
          path: 'chat.completions.parse',
          arguments: { ...asked, response_format: 'Verdict' },
          headers: VALIDATED,
        },
        { path: 'completions.create', arguments: { model, prompt: 'The plan', max_tokens: 12 } },
        { path: 'models.retrieve', arguments: { model } },
        { path: 'chat.completions.create', arguments: { ...asked, model: 'nobody/nothing' } },
      ].map((call) => ({ url: client.baseURL, ...call }));

      const said = expect.stringMatching(/./);
      const piece = expect.objectContaining({
        choices: [choice({ delta: expect.objectContaining({ content: said }) })],
      });

      const outcomes = await tellPython(python ?? [], calls);

      expect(outcomes).toEqual([
        reply({
          choices: [choice({ message: expect.objectContaining({ content: said }) })],
        }),
        { pieces: expect.arrayContaining([piece]), error: null },
        expect.anything(),
        reply({ choices: [choice({ text: expect.any(String) })] }),
        reply({ id: model }),
        { error: expect.objectContaining({ class: 'NotFoundError', code: 'model_not_found' }) },
      ]);
      // No grammar keeps to the length of the word, and a made-up model neither: then the reply is refused.
      const verdict = { word: expect.stringMatching(/^.{0,10}$/u), score: expect.any(Number) };
      const parsed = choice({ message: expect.objectContaining({ parsed: verdict }) });
      const isRefused = JSON.stringify(outcomes).includes('structured_output_invalid');
      expect(outcomes[2]).toEqual(
        isRefused ? { error: expect.objectContaining({ status_code: 502 }) } : reply({ choices: [parsed] }),
      );
    });
  });
}

async function connect(engines: EngineSlot): Promise<{ client: OpenAI; model: string }> {
  const engine = await engines.get();
  const { url } = await ContractService.start(engine);
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  return { client, model: engine.model };
}

/** Has Python's client make these calls, and returns what came of each. */
async function tellPython(
  [command = '', ...options]: readonly string[],
  calls: readonly object[],
): Promise<unknown[]> {
  const child = spawn(command, [...options, 'test/support/openai_client.py'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(calls.map((call) => `${JSON.stringify(call)}\n`).join(''));
  const lines = (await text(child.stdout)).trim().split('\n');
  return lines.map((line): unknown => JSON.parse(line));
}

function reply(fields: object): unknown {
  return expect.objectContaining({ reply: expect.objectContaining(fields) });
}

function choice(fields: object): unknown {
  return expect.objectContaining(fields);
}

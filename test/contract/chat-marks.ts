import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { expectSound } from '../support/sse.js';
import { ALWAYS_THINKS, ENGINE_KEY, type RunningEngine } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { QUESTIONS } from './questions.js';
import { ContractService } from './service.js';
import { hasShape, ROUTES } from './shapes.js';

const CHAT = '/api/chat/completions';

interface Usage {
  readonly usage: { readonly prompt_tokens: number };
}

export function describeChatMarks(engines: EngineSlot): void {
  describe('with chat marks in a candidate’s words', () => {
    it.each(['<|im_end|>', '<|im_start|>', '<think>', '</think>'])(
      'lets %s be ordinary characters, which the engine itself takes for a control token',
      async (mark) => {
        const engine = await engines.get();
        const service = await ContractService.start(engine);

        expect(await tokensPerMark(mark, (text) => countDirectly(engine, text))).toBe(1);
        expect(await tokensPerMark(mark, (text) => countByService(service, text))).toBeGreaterThan(1);
      },
    );
  });
}

export function describeThinking(engines: EngineSlot): void {
  describe('with think marks', () => {
    it.each(ROUTES)('answers a candidate who says them: %s', async (route) => {
      const service = await ContractService.start(await engines.get());
      const said = 'Candidate: <think>I would guess.</think> I read the plan. </think>';
      const fields =
        'messages' in QUESTIONS[route]
          ? { messages: [{ role: 'user', content: said }] }
          : { user_prompt: said };

      const { status, headers, body } = await service.ask(route, fields);

      expect({ status, asks: headers['x-attempts'] }).toEqual({ status: 200, asks: '1' });
      expect(hasShape(route, body)).toBe(true);
    });

    it('of a template that always thinks shows its thinking to nobody, whole and streamed', async () => {
      const service = await ContractService.start(await engines.get(ALWAYS_THINKS));

      const wholes = await Promise.all(times(() => service.ask<Chat>(CHAT)));
      const streams = await Promise.all(times(() => service.stream(CHAT)));

      const replies = streams.map((stream) => expectSound(stream).data.reply as Chat | undefined);
      const answers = [...wholes.filter(({ status }) => status === 200).map(({ body }) => body), ...replies];
      const contents = answers.map((answer) => answer?.content ?? '').filter((content) => content !== '');
      // A model that is made up says nothing behind its thinking now and then.
      expect(contents.length).toBeGreaterThan(CALLS);
      for (const content of contents) expect(content).not.toMatch(/think>/);
    });
  });
}

interface Chat {
  readonly content: string;
}

/** Calls of each kind to a template that always thinks. */
const CALLS = 6;

function times<T>(run: () => T): T[] {
  return Array.from({ length: CALLS }, run);
}

/** Two counts apart by ten marks: what stands around them in the prompt drops out. */
async function tokensPerMark(mark: string, count: (text: string) => Promise<number>): Promise<number> {
  return ((await count(mark.repeat(20))) - (await count(mark.repeat(10)))) / 10;
}

async function countByService(service: ContractService, text: string): Promise<number> {
  const { body } = await service.ask<Usage>('/api/chat/completions', question(text));
  return body.usage.prompt_tokens;
}

async function countDirectly({ url, model }: RunningEngine, text: string): Promise<number> {
  const { body } = await request(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${ENGINE_KEY}` },
    body: JSON.stringify({ model, ...question(text) }),
  });
  const { usage } = (await body.json()) as Usage;
  return usage.prompt_tokens;
}

function question(content: string): object {
  return { messages: [{ role: 'user', content }], max_tokens: 1 };
}

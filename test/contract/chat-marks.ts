import { describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { ENGINE_KEY, type RunningEngine } from './drivers/driver.js';
import type { EngineSlot } from './engine-slot.js';
import { ContractService } from './service.js';

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

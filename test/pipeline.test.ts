import { afterEach, describe, expect, it } from '@jest/globals';
import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../src/app.module.js';
import type { Call } from '../src/calls/call.js';
import { CallEvents } from '../src/calls/call-events.js';
import type { CallRecord } from '../src/calls/call-record.js';
import type { Sink } from '../src/calls/sink.js';
import type { Ending, Stage } from '../src/calls/stage.js';
import { CallContext } from '../src/common/call-context.js';
import { ServiceError } from '../src/common/errors.js';
import { Settings } from '../src/config/settings.js';
import { DatabaseService } from '../src/database/database.service.js';
import { feedbackTask } from '../src/feedback/feedback.task.js';
import { interviewStepTask } from '../src/interview/interview-step.task.js';
import { structured } from '../src/pipeline/ask/structured.js';
import { Pipeline } from '../src/pipeline/pipeline.js';
import type { Fault } from '../src/engine/stub/faults.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import { MODEL_REPLIES, QUESTION, startService, startStub, testStore } from './support/service.js';
import { readStream } from './support/sse.js';
import { useStages } from './support/stages.js';
import { firstOnWire } from './support/wire.js';

const FEEDBACK = MODEL_REPLIES['/api/feedback'];
const STEP = MODEL_REPLIES['/api/interview/step'];
const PROMPTS = { systemPrompt: QUESTION.system_prompt, userPrompt: QUESTION.user_prompt, facts: {} };

const contexts: INestApplicationContext[] = [];

afterEach(async () => {
  for (const context of contexts.splice(0)) await context.close();
});

/** The pipeline in a process that serves nothing. */
interface Headless {
  readonly app: INestApplicationContext;
  readonly pipeline: Pipeline;
  readonly stub: StubServer;
}

async function startHeadless(overrides: Partial<Settings> = {}): Promise<Headless> {
  const stub = await startStub();
  const settings = Object.assign(
    new Settings(),
    { engine: 'stub', engineUrls: [stub.url], logLevel: 'ERROR', ...testStore() } satisfies Partial<Settings>,
    overrides,
  );
  const app = await NestFactory.createApplicationContext(AppModule.forRoot(settings), { logger: false });
  contexts.push(app);
  return { app, pipeline: app.get(Pipeline), stub };
}

/** A background job that asks: no request, no key, its own name. */
function jobContext(): CallContext {
  return new CallContext(`job-${crypto.randomUUID()}`, { name: 'nightly', scopes: new Set(['inference']) });
}

async function rowOf({ app }: Pick<Headless, 'app'>, id: string | undefined) {
  const { db } = app.get(DatabaseService);
  return db
    .selectFrom('calls')
    .selectAll()
    .where('id', '=', id ?? '')
    .executeTakeFirst();
}

/** Takes a place for each call and gives it back at its end. */
class Places implements Stage {
  readonly name = 'places';
  readonly taken = new Set<Call>();
  readonly endings: Ending[] = [];

  before(call: Call): undefined {
    this.taken.add(call);
  }

  end(call: Call, ending: Ending): undefined {
    this.taken.delete(call);
    this.endings.push(ending);
  }
}

/** A sink that only listens. */
class Listening implements Sink {
  readonly isBehind = false;
  isOpen = false;
  last: object | undefined;
  readonly #events: { event: string; data: Record<string, unknown> }[] = [];

  /** What was said in a field. */
  texts(path: string): string {
    return this.#events
      .filter(({ event, data }) => event === 'field.delta' && data.path === path)
      .map(({ data }) => data.text)
      .join('');
  }

  open(): void {
    this.isOpen = true;
  }

  send(event: string, data: unknown): void {
    this.#events.push({ event, data: data as Record<string, unknown> });
  }

  write(): void {
    throw new Error('No text of its own is written here');
  }

  caughtUp(): Promise<void> {
    return Promise.resolve();
  }

  cut(): void {
    this.isOpen = false;
  }

  result(reply: object): void {
    this.last = { reply };
  }

  error(error: ServiceError): void {
    this.last = { error };
  }
}

const failing = (part: 'before' | 'after' | 'end'): Stage => ({
  name: `fails in ${part}`,
  [part]: () => {
    throw new ServiceError('FORBIDDEN', 'Not today.');
  },
});

describe('a call without HTTP', () => {
  it('is answered, and its row says who asked', async () => {
    const headless = await startHeadless();
    headless.stub.script({ kind: 'reply', content: JSON.stringify(FEEDBACK) });
    const context = jobContext();

    const answer = await headless.pipeline.run(structured(feedbackTask, PROMPTS), context);

    expect(answer).toMatchObject({ reply: FEEDBACK, facts: { attempts: 1, provider: 'stub' } });
    expect(await rowOf(headless, answer.facts.callId)).toMatchObject({
      key_name: 'nightly',
      request_id: context.requestId,
      task: 'feedback',
      outcome: 'ok',
      streamed: false,
    });
  });

  it('has labels of its own', async () => {
    const headless = await startHeadless();
    const context = new CallContext('job-1', undefined, { interviewId: 'iv-7', turn: 2, tags: ['weekly'] });

    const { facts } = await headless.pipeline.run(structured(interviewStepTask, PROMPTS), context);

    expect(await rowOf(headless, facts.callId)).toMatchObject({
      interview_id: 'iv-7',
      turn: 2,
      tags: ['weekly'],
      key_name: null,
    });
  });

  it('ends when its context is left', async () => {
    const { pipeline, stub } = await startHeadless();
    stub.script({ kind: 'stall', after: 'half' });
    const context = jobContext();
    const asked = pipeline.run(structured(feedbackTask, PROMPTS), context);
    await stub.waitFor(() => stub.running === 1);

    context.leave('cancelled');

    await expect(asked).rejects.toMatchObject({ code: 'CANCELLED' });
    await stub.waitFor(() => stub.running === 0);
  });

  it('tells its facts also where it fails', async () => {
    const headless = await startHeadless();
    headless.stub.script({ kind: 'status', status: 400 });
    const context = jobContext();

    await expect(headless.pipeline.run(structured(feedbackTask, PROMPTS), context)).rejects.toThrow(
      ServiceError,
    );

    expect(context.facts).toMatchObject({ attempts: 1 });
    expect(await rowOf(headless, context.facts?.callId)).toMatchObject({ outcome: 'failed' });
  });

  it('streams into any sink', async () => {
    const { pipeline, stub } = await startHeadless();
    stub.script({ kind: 'reply', content: JSON.stringify(STEP) });
    const sink = new Listening();

    const { reply, facts } = await pipeline.run(structured(interviewStepTask, PROMPTS), jobContext(), sink);

    expect(sink.texts('/message')).toBe(STEP.message);
    expect(sink.last).toEqual({ reply });
    expect(facts.attempts).toBe(1);
  });

  it('is thrown as well as told where a stream fails', async () => {
    const { pipeline, stub } = await startHeadless();
    stub.script(...Array<Fault>(4).fill({ kind: 'engine-error', afterTokens: 2 }));
    const sink = new Listening();

    const asked = pipeline.run(structured(feedbackTask, PROMPTS), jobContext(), sink);

    await expect(asked).rejects.toMatchObject({ code: 'ENGINE_ERROR' });
    expect(sink.last).toMatchObject({ error: { code: 'ENGINE_ERROR' } });
  });
});

describe('a stage', () => {
  it('may put another question in the place of the first one', async () => {
    const { app, pipeline, stub } = await startHeadless();
    useStages(
      { app },
      {
        name: 'masks the question',
        before: (call) => {
          call.question = call.question.rewrite((text, role) =>
            role === 'user' ? text.replace('EXPLAIN', 'XXXXXXX') : text,
          );
          return undefined;
        },
      },
    );

    const { facts } = await pipeline.run(structured(feedbackTask, PROMPTS), jobContext());

    expect(firstOnWire(stub).messages[1]?.content).toBe(PROMPTS.userPrompt.replace('EXPLAIN', 'XXXXXXX'));
    expect(JSON.stringify(await rowOf({ app }, facts.callId))).not.toContain('EXPLAIN');
  });

  it('may answer at once: no engine is asked, later stages’ before does not run, the row is there', async () => {
    const headless = await startHeadless();
    const places = new Places();
    useStages(headless, { name: 'knows it', before: () => FEEDBACK }, places);

    const { reply, facts } = await headless.pipeline.run(structured(feedbackTask, PROMPTS), jobContext());

    expect(reply).toEqual(FEEDBACK);
    expect(headless.stub.requests).toEqual([]);
    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome: 'answered' }] });
    expect(await rowOf(headless, facts.callId)).toMatchObject({ outcome: 'ok', attempts: 0 });
  });

  it('may answer a stream at once', async () => {
    const service = await startService();
    useStages(service, { name: 'knows it', before: () => STEP });

    const { events } = await readStream(service, '/api/interview/step', QUESTION);

    expect(events.at(-1)?.data.reply).toEqual(STEP);
    expect(service.stub.requests).toEqual([]);
  });

  it('sees the checked answer, in the order of the stages, before it is kept', async () => {
    const headless = await startHeadless();
    headless.stub.script({ kind: 'reply', content: JSON.stringify(FEEDBACK) });
    const seen: unknown[] = [];
    const looking = (name: string): Stage => ({
      name,
      after: async ({ record }, reply) => {
        seen.push(name, reply, await rowOf(headless, record.facts.callId));
      },
    });
    useStages(headless, looking('first'), looking('second'));

    await headless.pipeline.run(structured(feedbackTask, PROMPTS), jobContext());

    expect(seen).toEqual(['first', FEEDBACK, undefined, 'second', FEEDBACK, undefined]);
  });

  it('ends in the reverse order', async () => {
    const headless = await startHeadless();
    const ended: string[] = [];
    const ending = (name: string): Stage => ({
      name,
      end: () => {
        ended.push(name);
        return undefined;
      },
    });
    useStages(headless, ending('first'), ending('second'));

    await headless.pipeline.run(structured(feedbackTask, PROMPTS), jobContext());

    expect(ended).toEqual(['second', 'first']);
  });

  it('may commit a statement with the row', async () => {
    const headless = await startHeadless();
    const { pool } = headless.app.get(DatabaseService);
    const table = `settled_${crypto.randomUUID().replaceAll('-', '')}`;
    await pool.query(`create table ${table} (call_id uuid primary key, tokens integer)`);
    useStages(headless, {
      name: 'settles',
      end: ({ record }) => ({
        text: `insert into ${table} values ($1, $2)`,
        values: [record.facts.callId, record.usage.total_tokens],
        missed: (reason) => {
          throw reason;
        },
      }),
    });

    const { facts, usage } = await headless.pipeline.run(structured(feedbackTask, PROMPTS), jobContext());

    const { rows } = await pool.query(`select call_id, tokens from ${table} join calls on id = call_id`);
    await pool.query(`drop table ${table}`);
    expect(rows).toEqual([{ call_id: facts.callId, tokens: usage.total_tokens }]);
  });

  it('that refuses ends a call with a row, a code and no engine asked', async () => {
    const headless = await startHeadless();
    useStages(headless, failing('before'));
    const context = jobContext();

    await expect(headless.pipeline.run(structured(feedbackTask, PROMPTS), context)).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });

    expect(await rowOf(headless, context.facts?.callId)).toMatchObject({
      outcome: 'failed',
      error_code: 'FORBIDDEN',
      attempts: 0,
      question: PROMPTS.userPrompt,
    });
  });

  it('that refuses a stream leaves the reply its status', async () => {
    const service = await startService();
    useStages(service, failing('before'));

    const reply = await service.fail('/api/feedback', { ...QUESTION, stream: true });

    expect(reply).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    expect(reply.headers['x-call-id']).toBeDefined();
  });
});

describe('what a stage took', () => {
  const question = structured(feedbackTask, PROMPTS);

  /** Runs a call that ends some way, and returns how it ended for a stage that took something. */
  async function endingOf(
    run: (headless: Headless, context: CallContext) => unknown,
    stages: (places: Places) => Stage[] = (own) => [own],
    sink?: Sink,
  ): Promise<Places> {
    const headless = await startHeadless({ structuredMaxAttempts: 1 });
    const places = new Places();
    useStages(headless, ...stages(places));
    const context = jobContext();
    const asked = headless.pipeline.run(question, context, sink).catch((error: unknown) => error);
    await run(headless, context);
    await asked;
    return places;
  }

  const script =
    (...faults: Parameters<StubServer['script']>) =>
    ({ stub }: Headless): void => {
      stub.script(...faults);
    };

  it.each([
    { how: 'answered', faults: [], outcome: 'answered' },
    { how: 'refused by the engine', faults: [{ kind: 'status', status: 400 }], outcome: 'failed' },
    { how: 'invalid', faults: [{ kind: 'reply', content: 'no object' }], outcome: 'failed' },
    { how: 'cut', faults: Array(2).fill({ kind: 'reset', after: 'half' }), outcome: 'failed' },
  ] as const)('is given back once where the call is $how', async ({ faults, outcome }) => {
    const places = await endingOf(script(...(faults as Parameters<StubServer['script']>)));
    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome }] });
  });

  it('is given back where a later stage refuses the question', async () => {
    const places = await endingOf(
      () => undefined,
      (stage) => [stage, failing('before')],
    );
    expect(places).toMatchObject({
      taken: new Set(),
      endings: [{ outcome: 'refused', error: { code: 'FORBIDDEN' } }],
    });
  });

  it('is given back where a later stage refuses the answer', async () => {
    const places = await endingOf(
      () => undefined,
      (stage) => [stage, failing('after')],
    );
    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome: 'failed' }] });
  });

  it('is given back where another stage fails at the end', async () => {
    const places = await endingOf(
      () => undefined,
      (stage) => [stage, failing('end')],
    );
    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome: 'answered' }] });
  });

  it('is given back where the question itself is refused', async () => {
    const headless = await startHeadless();
    const places = new Places();
    useStages(headless, places);
    const wrong = structured(feedbackTask, PROMPTS, { streamFields: ['/nothing'] });

    await expect(headless.pipeline.run(wrong, jobContext(), new Listening())).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
    });

    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome: 'refused' }] });
  });

  it.each([
    { what: 'a whole answer', sink: undefined },
    { what: 'a stream', sink: new Listening() },
  ])('is given back where the caller leaves $what', async ({ sink }) => {
    const places = await endingOf(
      async ({ stub }, context) => {
        stub.script({ kind: 'stall', after: 'half' });
        await stub.waitFor(() => stub.running === 1);
        context.leave('disconnected');
      },
      (own) => [own],
      sink,
    );
    expect(places).toMatchObject({ taken: new Set(), endings: [{ outcome: 'cancelled' }] });
  });
});

describe('a call whose question is refused', () => {
  it('has a row, a line and its counters', async () => {
    const service = await startService();
    const ended: CallRecord[] = [];
    service.app.get(CallEvents).on('end', (call) => ended.push(call));

    const { status, headers } = await service.fail('/api/feedback', {
      ...QUESTION,
      stream: true,
      stream_fields: ['/nothing'],
    });

    expect(status).toBe(400);
    expect(ended).toMatchObject([{ outcome: 'failed', code: 'VALIDATION_FAILED' }]);
    expect(await rowOf(service, headers['x-call-id'])).toMatchObject({
      outcome: 'failed',
      error_code: 'VALIDATION_FAILED',
    });
  });
});

import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { expect } from '@jest/globals';
import { request } from 'undici';
import { CallEvents } from '../../src/calls/call-events.js';
import type { CallRecord } from '../../src/calls/call-record.js';
import { type ErrorCode, ERRORS, type Problem } from '../../src/common/errors.js';
import type { Settings } from '../../src/config/settings.js';
import type { Fault } from '../../src/engine/stub/faults.js';
import type { StubServer } from '../../src/engine/stub/stub-server.js';
import type { RunawayReason } from '../../src/engine/watchdog.js';
import { hasShape } from '../contract/shapes.js';
import { SAID, times } from './engine-questions.js';
import { expectProblem } from './problem.js';
import { QUESTION, type Reply, startService, startStub, type TestService } from './service.js';
import { expectSound, readStream } from './sse.js';

/** A way in which the service is asked, and in which it asks the engine for it. */
export interface Caller {
  readonly name: 'step' | 'report' | 'chat';
  readonly path: '/api/interview/step' | '/api/report' | '/api/chat/completions';
  readonly body: object;
  /** Whether the caller gets a stream. */
  readonly streams: boolean;
  /** How the engine is asked. */
  readonly delivery: 'whole' | 'stream';
}

/** Questions that are answered in Korean, of which nearly every character has three bytes that can be torn apart. */
const INTERVIEW = {
  system_prompt: '백엔드 개발자를 면접합니다.',
  user_prompt: '면접관: 느린 쿼리를 어떻게 찾습니까?\n지원자: EXPLAIN ANALYZE로 실행 계획을 봅니다.',
};
const MESSAGES = [{ role: 'user', content: '안녕하세요' }];

const STEP = { name: 'step', path: '/api/interview/step', body: QUESTION } as const;
const REPORT = { name: 'report', path: '/api/report', body: INTERVIEW } as const;
const CHAT = { name: 'chat', path: '/api/chat/completions', body: { messages: MESSAGES } } as const;

export const CALLERS: readonly Caller[] = [
  { ...STEP, streams: false, delivery: 'whole' },
  { ...REPORT, streams: false, delivery: 'stream' },
  { ...CHAT, streams: false, delivery: 'stream' },
  { ...STEP, streams: true, delivery: 'stream' },
  { ...REPORT, streams: true, delivery: 'stream' },
  { ...CHAT, streams: true, delivery: 'stream' },
];

/** What a call waits for before it ends. */
export type Bound = 'at once' | 'Retry-After' | 'FIRST_TOKEN_TIMEOUT' | 'STALL_TIMEOUT' | 'REQUEST_TIMEOUT';

/** Seconds of the one limit that a call waits for. All others are their defaults, longer than a test may take. */
const SHORT = 1;

const SETTINGS: Readonly<Record<Bound, Partial<Settings>>> = {
  'at once': {},
  'Retry-After': {},
  FIRST_TOKEN_TIMEOUT: { firstTokenTimeout: SHORT },
  STALL_TIMEOUT: { stallTimeout: SHORT },
  REQUEST_TIMEOUT: { requestTimeout: SHORT },
};

/** An engine that on a busy machine, too, closes no idle connection just when it is asked again. */
const ENGINE = { control: true, keepAliveMs: 60_000 } as const;

/** Something that an engine does wrong. */
export interface FaultRow {
  /** Ends the sentence "the engine …". */
  readonly fault: string;
  /** What the stub does; `down`: it does not listen. */
  readonly script: Fault | 'down';
  /** @default 'at once' */
  readonly bound?: Bound | Readonly<Record<Caller['delivery'], Bound>>;
  readonly settings?: Partial<Settings>;
  /**
   * Whether it can only happen where the engine is asked for a stream.
   *
   * @default false
   */
  readonly streamsOnly?: boolean;
}

/** What a caller got. */
export interface Ending {
  /** Absent where he was answered. */
  readonly code?: ErrorCode;
  /** How often the engine was asked. */
  readonly asks: number;
  /** How often what he had been sent became void. */
  readonly resets: number;
  /** Why the last reply was broken off, where it ran away. */
  readonly runaway?: RunawayReason;
}

/** What a caller gets when the engine does it once, and when it never stops. */
export interface Endings {
  readonly once: Ending;
  readonly always: Ending;
}

/** What the calls of a caller wait for in a row. */
export function boundOf({ bound = 'at once' }: FaultRow, { delivery }: Caller): Bound {
  return typeof bound === 'string' ? bound : bound[delivery];
}

/** Plays a row for one caller. Behind each fault the next call must be answered, and nothing may be left. */
export async function play(row: FaultRow, caller: Caller): Promise<Endings> {
  const { script } = row;
  const bound = boundOf(row, caller);
  const stage = await Stage.open(caller, { ...SETTINGS[bound], ...row.settings });
  try {
    if (script === 'down') return { once: await stage.isBackAtOnce(), always: await stage.isGone() };
    const waitsMs = bound === 'at once' ? 0 : SHORT * 1000;
    return {
      once: await stage.meets([script], waitsMs),
      // More often than any call asks.
      always: await stage.meets(times(10, script), waitsMs),
    };
  } finally {
    stage.close();
  }
}

/** An answer or an error, and what the service itself knows of the call. */
interface Outcome extends Ending {
  readonly reply?: unknown;
}

/** One caller, a service for him alone, and its engine. */
class Stage {
  readonly #port: number;
  readonly #records: CallRecord[] = [];
  #engine: StubServer;
  /** What the engine answers when all is well. */
  #reply: unknown;
  /** Listeners on a connection to the engine that is not in use. */
  #idle: Readonly<Record<string, number>> | undefined;

  private constructor(
    private readonly caller: Caller,
    private readonly service: TestService,
    private readonly connections: Connections,
  ) {
    this.#engine = service.stub;
    this.#port = service.stub.port;
    service.app.get(CallEvents).on('end', (record) => this.#records.push(record));
  }

  /** The service may open one connection to the engine: where it is not given back, no later call is answered. */
  static async open(caller: Caller, settings: Partial<Settings>): Promise<Stage> {
    const connections = new Connections();
    const service = await startService({ ...settings, engineConnections: 1 }, ENGINE);
    const stage = new Stage(caller, service, connections);
    stage.#reply = (await stage.#ask()).reply;
    [stage.#idle] = connections.listeners(stage.#port);
    return stage;
  }

  close(): void {
    this.connections.forget();
  }

  /** A call whose engine does this. */
  async meets(script: readonly Fault[], waitsMs: number): Promise<Ending> {
    this.#engine.script(...script);
    const askedBefore = this.#engine.requests.length;
    const startedAt = performance.now();
    const ending = await this.#end();
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(waitsMs);
    expect(this.#engine.requests.length - askedBefore).toBe(ending.asks);
    await this.#unscript();
    await this.#isAsBefore();
    return ending;
  }

  /** A call whose engine is gone, and back before it is asked again. */
  async isBackAtOnce(): Promise<Ending> {
    await this.#engine.close();
    let back: Promise<StubServer> | undefined;
    // Heard in the turn in which the service learns of the refusal; it waits before it asks again.
    const onRefused = (message: unknown): void => {
      const { connectParams } = message as { connectParams: { port: string } };
      // Other callers' engines are gone at the same time.
      if (Number(connectParams.port) === this.#port) back ??= startStub({ port: this.#port, ...ENGINE });
    };
    subscribe('undici:client:connectError', onRefused);
    const ending = await this.#end();
    unsubscribe('undici:client:connectError', onRefused);
    if (!back) throw new Error('No connection was refused');
    this.#engine = await back;
    await this.#isAsBefore();
    return ending;
  }

  /** A call whose engine is gone, and back for the next call. */
  async isGone(): Promise<Ending> {
    await this.#engine.close();
    const ending = await this.#end();
    this.#engine = await startStub({ port: this.#port, ...ENGINE });
    await this.#isAsBefore();
    return ending;
  }

  /** A call whose answer, if there is one, must be the engine's usual one. */
  async #end(): Promise<Ending> {
    const { reply, ...ending } = await this.#ask();
    if (!ending.code) expect(reply).toEqual(this.#reply);
    return ending;
  }

  #ask(): Promise<Outcome> {
    return this.caller.streams ? this.#askForStream() : this.#askForWhole();
  }

  async #askForWhole(): Promise<Outcome> {
    const { path, body } = this.caller;
    const reply = await this.service.post(path, body);
    const record = this.#endedCall();
    const asks = record.facts.attempts;
    expect(reply.headers['x-attempts']).toBe(String(asks));
    if (reply.status === 200) return { ...this.#answered(reply.body), asks, resets: 0 };
    const { code, status } = expectProblem(reply as Reply<never>, record.code as ErrorCode);
    expect(reply.headers['retry-after'] ?? '').toMatch(status === 503 ? /^[1-9]\d*$/ : /^$/);
    expect(JSON.stringify(reply.body)).not.toContain(SAID);
    return { code, asks, resets: 0, ...runawayIn(record) };
  }

  async #askForStream(): Promise<Outcome> {
    const { path, body } = this.caller;
    const stream = await readStream(this.service, path, body);
    const record = this.#endedCall();
    const { attempts: asks } = record.facts;
    const { resets } = record;
    expect(stream.events.filter(({ name }) => name === 'reset')).toHaveLength(resets);
    const { name, data } = expectSound(stream);
    if (name === 'result') {
      expect(data.call).toMatchObject({ attempts: asks });
      return { ...this.#answered(data.reply), asks, resets };
    }
    const { code, status, title, remedy } = data as unknown as Problem;
    expect({ code, status, title, remedy }).toEqual({ code: record.code, ...ERRORS[code] });
    expect(JSON.stringify(data)).not.toContain(SAID);
    return { code, asks, resets, ...runawayIn(record) };
  }

  #answered(body: unknown): Pick<Outcome, 'reply'> {
    const { path, name } = this.caller;
    expect(hasShape(path, body)).toBe(true);
    // A chat's body tells what all asks have cost.
    return { reply: name === 'chat' ? (body as { content: string }).content : body };
  }

  #endedCall(): CallRecord {
    const record = this.#records.pop();
    if (!record) throw new Error('The call has not ended with its answer');
    return record;
  }

  /** The next call is answered at the first ask, and nothing is left of the one before. */
  async #isAsBefore(): Promise<void> {
    const engine = this.#engine;
    await engine.waitFor(() => engine.running === 0);
    expect(await this.#end()).toEqual({ asks: 1, resets: 0 });
    await engine.waitFor(() => engine.running === 0 && engine.openSockets <= 1);
    // It may have been idle for too long by now, and closed.
    for (const left of this.connections.listeners(this.#port)) expect(left).toEqual(this.#idle);
  }

  /** Takes back what of a script was not played. */
  async #unscript(): Promise<void> {
    const { body } = await request(`${this.#engine.url}/control/script`, {
      method: 'POST',
      body: '[]',
      reset: true,
    });
    await body.dump();
  }
}

function runawayIn({ runaways }: CallRecord): Pick<Ending, 'runaway'> {
  const runaway = runaways.at(-1);
  return runaway ? { runaway } : {};
}

/** The connections that undici opens from now on. */
class Connections {
  readonly #sockets = new Set<Socket>();
  readonly #onConnected = (message: unknown): unknown =>
    this.#sockets.add((message as { socket: Socket }).socket);

  constructor() {
    subscribe('undici:client:connected', this.#onConnected);
  }

  /** Of each that is open to a port, how many listeners it has for which event. */
  listeners(port: number): Readonly<Record<string, number>>[] {
    return [...this.#sockets]
      .filter((socket) => !socket.destroyed && socket.remotePort === port)
      .map((socket) =>
        Object.fromEntries(socket.eventNames().map((name) => [name, socket.listenerCount(name)])),
      );
  }

  forget(): void {
    unsubscribe('undici:client:connected', this.#onConnected);
  }
}

import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ServiceError } from '../common/errors.js';
import { Settings } from '../config/settings.js';
import type { Dialect } from './dialects/dialect.js';
import { dialects } from './dialects/index.js';
import { EngineAddress } from './engine-address.js';
import { EngineFault } from './engine-fault.js';
import type { EngineReply, EngineRequest } from './engine-request.js';
import { faultOf, readStream, readWhole, type ReadReply } from './read-reply.js';
import { ReplyGuard } from './reply-guard.js';
import { StubProcess } from './stub-process.js';

/** How often engines are looked at. */
const CHECK_EVERY_MS = 5000;

/** The longest wait that an engine's Retry-After is followed for; a longer one goes to the caller. */
const MAX_RETRY_WAIT_MS = 5000;

/** Waits before a second try: what a busy engine gets where it names no time, and what any other gets. */
const BUSY_WAIT_MS = 500;
const BRIEF_WAIT_MS = 50;

/** Tokens that stay free at the end of the context: engines count their own end marks differently. */
const CONTEXT_MARGIN = 8;

/** How often one ask may be repeated with less room; SGLang names the ceiling first and the prompt then. */
const MAX_ROOM_CHANGES = 2;

/** The fewest tokens of room with which asking again makes sense. */
const MIN_ROOM = 16;

/** What one call may still use, and what was learnt while it ran. */
export interface CallBudget {
  /** `performance.now()` at which the call's time is up. */
  readonly deadlineAt: number;
  /** Aborted when the caller leaves. */
  readonly signal: AbortSignal;
  /** Called before the engine is asked, once per try. */
  onTry(): void;
}

/** State of an engine, for health. */
export interface EngineState {
  readonly url: string;
  readonly state: 'unknown' | 'up' | 'down';
  readonly models: readonly string[];
  readonly context_tokens: number | null;
}

/**
 * The one way to an engine. It picks the address, speaks the dialect, bounds time and size, tries once more where
 * that may help, and turns every failure into an error of the catalogue.
 */
@Injectable()
export class EngineService implements OnModuleInit, OnApplicationShutdown {
  readonly dialect: Dialect;
  readonly #logger = new Logger('Engine');
  #addresses: readonly EngineAddress[] = [];
  #stub: StubProcess | undefined;
  #checks: NodeJS.Timeout | undefined;
  #checking: Promise<void> = Promise.resolve();

  constructor(private readonly settings: Settings) {
    this.dialect = dialects[settings.engineKind];
  }

  async onModuleInit(): Promise<void> {
    const { settings } = this;
    let urls = settings.engineAddresses;
    if (urls.length === 0) {
      this.#stub = await StubProcess.start(settings);
      urls = [this.#stub.url];
    }
    this.#addresses = urls.map(
      (url) =>
        new EngineAddress(url, this.dialect, {
          connections: settings.engineConnections,
          connectTimeoutMs: settings.connectTimeout * 1000,
          timeoutMs: Math.ceil(settings.requestTimeout * 1000),
          apiKey: settings.engineKey,
        }),
    );
    await this.checkNow();
    this.#checks = setInterval(() => void this.checkNow(), CHECK_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#checks);
    await Promise.all(this.#addresses.map((address) => address.close()));
    await this.#stub?.stop();
  }

  /** Looks at every engine now. Never fails. */
  checkNow(): Promise<void> {
    this.#checking = this.#checking.then(async () => {
      await Promise.all(this.#addresses.map((address) => this.#check(address)));
    });
    return this.#checking;
  }

  /** What is known of each engine. */
  states(): EngineState[] {
    return this.#addresses.map(({ url, state, models, contextTokens }) => ({
      url,
      state,
      models,
      context_tokens: contextTokens ?? null,
    }));
  }

  /** Why no call can be served at the moment; nothing when one can. */
  notReadyBecause(): string | undefined {
    const { modelName } = this.settings;
    const up = this.#addresses.filter(({ state }) => state === 'up');
    if (up.length === 0) {
      const problems = this.#addresses.map(({ url, problem }) => `${url}: ${problem ?? 'not looked at yet'}`);
      return `No engine takes calls (${problems.join('; ')}).`;
    }
    if (up.some((address) => this.#serves(address, modelName))) return undefined;
    const served = up.flatMap(({ models }) => models);
    return `The engine does not serve MODEL_NAME (${modelName}); it serves ${served.join(', ')}.`;
  }

  /**
   * Asks an engine and reads its whole reply.
   * @throws ServiceError for everything that can go wrong
   */
  async ask(request: EngineRequest, budget: CallBudget): Promise<EngineReply> {
    if (!this.#addresses.some((address) => this.#serves(address, request.model))) {
      const served = new Set(this.#addresses.flatMap(({ models }) => models));
      throw new ServiceError('MODEL_NOT_FOUND', `The engine serves ${[...served].join(', ')}.`);
    }
    let { maxTokens } = request;
    let roomChanges = 0;
    let failed: EngineAddress | undefined;
    for (;;) {
      const address = this.#pick(request.model, failed);
      try {
        const reply = await this.#try(address, { ...request, maxTokens }, budget);
        return { ...reply, model: reply.model || request.model, maxTokens };
      } catch (thrown) {
        const fault = thrown as EngineFault;
        const room = roomIn(fault, address);
        if (room !== undefined && room < maxTokens && roomChanges++ < MAX_ROOM_CHANGES) {
          maxTokens = room;
          continue;
        }
        const next = this.#pick(request.model, address);
        const elsewhere = next !== address && next.state === 'up';
        const wait = waitBefore(fault, elsewhere);
        const last =
          failed !== undefined || wait === undefined || performance.now() + wait >= budget.deadlineAt;
        if (last) throw fault.toServiceError(address.contextTokens);
        failed = address;
        await delay(wait, undefined, { signal: budget.signal }).catch(() => {
          throw new EngineFault('cancelled').toServiceError();
        });
      }
    }
  }

  async #try(address: EngineAddress, request: EngineRequest, budget: CallBudget): Promise<ReadReply> {
    const { settings, dialect } = this;
    const requestId = crypto.randomUUID().replaceAll('-', '');
    const streams = request.delivery === 'stream';
    const guard = new ReplyGuard(
      {
        deadlineAt: budget.deadlineAt,
        maxBytes: settings.engineMaxReplyBytes,
        ...(streams && {
          firstTokenMs: settings.firstTokenTimeout * 1000,
          stallMs: settings.stallTimeout * 1000,
        }),
      },
      budget.signal,
    );
    try {
      guard.check();
      budget.onTry();
      const askedAt = performance.now();
      const body = dialect.body(request, requestId) as Parameters<
        typeof address.client.chat.completions.create
      >[0];
      const answer: unknown = await address.client.chat.completions.create(body, {
        signal: guard.signal,
        fetchOptions: { guard } as object,
      });
      const reply = streams
        ? await readStream(answer as AsyncIterable<unknown>, dialect, guard, askedAt)
        : readWhole(answer, dialect);
      if (reply.finish === 'abort') throw new EngineFault('cut', { seen: 'finish_reason abort' });
      this.#answered(address);
      return reply;
    } catch (thrown) {
      const fault = faultOf(thrown, dialect, guard);
      if (fault.kind === 'unreachable') this.#lost(address);
      this.#logger.debug({
        message: 'engine fault',
        engine: address.url,
        engine_request: requestId,
        kind: fault.kind,
        seen: fault.facts.seen,
        ...(settings.logPrompts && { said: fault.facts.said }),
      });
      throw fault;
    } finally {
      guard.close();
    }
  }

  /** The first healthy engine other than the one that just failed, else the best that is left. */
  #pick(model: string, failed: EngineAddress | undefined): EngineAddress {
    const rank = { up: 0, unknown: 1, down: 2 };
    const serving = this.#addresses.filter((address) => this.#serves(address, model));
    const [first] = serving.toSorted((a, b) => {
      const afterFailure = Number(a === failed) - Number(b === failed);
      return rank[a.state] - rank[b.state] || afterFailure;
    });
    if (!first) throw new Error('EngineService is used before it is initialised');
    return first;
  }

  #answered(address: EngineAddress): void {
    if (address.state === 'up') return;
    address.state = 'up';
    this.#logger.log({ message: 'engine answers', engine: address.url, provider: this.dialect.provider });
  }

  #lost(address: EngineAddress): void {
    if (address.state === 'down') return;
    address.state = 'down';
    address.problem = 'a call could not be connected';
    this.#logger.warn({ message: 'engine is lost', engine: address.url, reason: address.problem });
  }

  async #check(address: EngineAddress): Promise<void> {
    const before = address.state;
    await address.check();
    if (address.state === before) return;
    const facts = { engine: address.url, provider: this.dialect.provider };
    if (address.state === 'down') {
      this.#logger.warn({ message: 'engine takes no calls', ...facts, reason: address.problem });
    } else {
      this.#logger.log({
        message: 'engine is up',
        ...facts,
        models: address.models,
        context: address.contextTokens,
      });
      this.#compare(address);
    }
  }

  /** Says what of the settings does not fit what the engine reports. */
  #compare({ models, contextTokens }: EngineAddress): void {
    const { modelName, maxModelLen, engineKind } = this.settings;
    if (engineKind === 'stub') return;
    if (models.length > 0 && !models.includes(modelName)) {
      this.#logger.warn(
        `MODEL_NAME is ${modelName}, but the engine serves ${models.join(', ')}: set MODEL_NAME to one of these.`,
      );
    }
    if (contextTokens !== undefined && contextTokens !== maxModelLen) {
      this.#logger.warn(
        `MAX_MODEL_LEN is ${maxModelLen}, but the engine reports ${contextTokens}: the engine's own number counts.`,
      );
    }
  }

  /** SGLang answers for any name with whatever it has loaded, so the name is compared here. */
  #serves({ models }: EngineAddress, model: string): boolean {
    return this.settings.engineKind === 'stub' || models.length === 0 || models.includes(model);
  }
}

/** How many tokens the context has left for an answer, where that is what the engine complained of. */
function roomIn(fault: EngineFault, address: EngineAddress): number | undefined {
  const { promptTokens, contextTokens = address.contextTokens } = fault.facts;
  if (fault.kind !== 'no-room' || promptTokens === undefined || contextTokens === undefined) return undefined;
  const room = contextTokens - promptTokens - CONTEXT_MARGIN;
  return room >= MIN_ROOM ? room : undefined;
}

/** Milliseconds to wait before a second try; nothing where there should be none. */
function waitBefore(fault: EngineFault, elsewhere: boolean): number | undefined {
  if (!fault.retryable) return undefined;
  if (fault.kind !== 'overloaded' || elsewhere) return BRIEF_WAIT_MS * (1 + Math.random());
  const { retryAfterMs = BUSY_WAIT_MS * (1 + Math.random()) } = fault.facts;
  return retryAfterMs <= MAX_RETRY_WAIT_MS ? retryAfterMs : undefined;
}

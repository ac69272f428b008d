import { setTimeout as delay } from 'node:timers/promises';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ServiceError } from '../common/errors.js';
import { SecretMask } from '../config/secret-mask.js';
import { Settings } from '../config/settings.js';
import type { Dialect } from './dialects/dialect.js';
import { dialects } from './dialects/index.js';
import { EngineAddress } from './engine-address.js';
import { EngineFault } from './engine-fault.js';
import { askOnce, openOnce } from './ask-once.js';
import type { CallBudget, ReplyListener } from './call-budget.js';
import type { EngineReply, EngineRequest } from './engine-request.js';
import { OpenReply } from './open-reply.js';
import { faultOf } from './read-reply.js';
import { StubProcess } from './stub-process.js';
import { Try } from './try.js';

/** How often engines are looked at. */
const CHECK_EVERY_MS = 5000;

/** The longest wait that an engine's Retry-After is followed for; a longer one goes to the caller. */
const MAX_RETRY_WAIT_MS = 5000;

/** Waits before a second try: what a busy engine gets where it names no time, and what any other gets. */
const BUSY_WAIT_MS = 500;
const BRIEF_WAIT_MS = 50;

/** How often one ask may be repeated with less room; SGLang names the ceiling first and the prompt then. */
const MAX_ROOM_CHANGES = 2;

/** What a request says about its own repetition. */
interface RetryRules {
  /** Whether what was said so far may be taken back. */
  readonly mayRepeat?: (reason: string) => boolean;
  /** Takes the tokens that the context has left; says whether that makes another try worth while. */
  readonly makeRoom?: (room: number) => boolean;
}

/** A model that an engine serves. */
interface ServedModel {
  readonly id: string;
  readonly contextTokens: number | undefined;
  readonly provider: Dialect['provider'];
}

/** State of an engine, for health. */
export interface EngineState {
  readonly url: string;
  readonly state: 'unknown' | 'up' | 'down';
  readonly models: readonly string[];
  readonly context_tokens: number | null;
  /** Requests that wait for one of ENGINE_CONNECTIONS. */
  readonly requests_waiting: number;
}

/**
 * The one way to an engine. It picks the address, speaks the dialect, bounds time and size, tries once more where
 * that may help, and turns every failure into an error of the catalogue.
 */
@Injectable()
export class EngineService implements OnModuleInit, OnApplicationShutdown {
  readonly #logger = new Logger('Engine');
  #addresses: readonly EngineAddress[] = [];
  #embeddings: EngineAddress | undefined;
  #stub: StubProcess | undefined;
  #checks: NodeJS.Timeout | undefined;
  #checking: Promise<void> = Promise.resolve();
  readonly #secrets: SecretMask;

  constructor(private readonly settings: Settings) {
    this.#secrets = new SecretMask(settings);
  }

  async onModuleInit(): Promise<void> {
    const { settings } = this;
    let urls = settings.engineAddresses;
    if (urls.length === 0) {
      this.#stub = await StubProcess.start(settings);
      urls = [this.#stub.url];
    }
    const options = {
      connections: settings.maxEngineConnections,
      connectTimeoutMs: settings.connectTimeout * 1000,
    };
    this.#addresses = urls.map(
      (url) =>
        new EngineAddress(url, dialects[settings.engineKind], { ...options, apiKey: settings.engineKey }),
    );
    if (settings.embeddingUrl !== undefined) {
      const own = { ...options, apiKey: settings.embeddingApiKey };
      this.#embeddings = new EngineAddress(settings.embeddingUrl, dialects.openai, own);
    }
    await this.checkNow();
    this.#checks = setInterval(() => void this.checkNow(), CHECK_EVERY_MS).unref();
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#checks);
    const addresses = this.#embeddings ? [...this.#addresses, this.#embeddings] : this.#addresses;
    await Promise.all(addresses.map((address) => address.close()));
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
    return this.#addresses.map(({ url, state, models, contextTokens, waiting }) => ({
      url,
      state,
      models,
      context_tokens: contextTokens ?? null,
      requests_waiting: waiting,
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

  /** Every model that is served, with the context that its engine reports. */
  models(): ServedModel[] {
    const served = this.#addresses.flatMap(({ models, contextTokens, dialect: { provider } }) =>
      models.map((id) => [id, { id, contextTokens, provider }] as const),
    );
    return [...new Map(served).values()];
  }

  /** @throws ServiceError MODEL_NOT_FOUND, by the engines' lists and without asking anybody */
  #serving(model: string): readonly EngineAddress[] {
    const serving = this.#addresses.filter((address) => this.#serves(address, model));
    if (serving.length > 0) return serving;
    const served = this.models().map(({ id }) => id);
    throw new ServiceError('MODEL_NOT_FOUND', `The engine serves ${served.join(', ')}.`);
  }

  /**
   * Asks an engine and reads its reply to the end.
   * @param listener hears of a streamed reply while it is made
   * @throws ServiceError for everything that can go wrong
   */
  async ask(request: EngineRequest, budget: CallBudget, listener?: ReplyListener): Promise<EngineReply> {
    let asked = request;
    const reply = await this.#withRetries(request, budget, (one) => askOnce(one, asked, listener), {
      mayRepeat: (reason) => listener?.takeBack(reason) ?? true,
      makeRoom: (room) => {
        // The bounds of a relayed body are its caller's.
        if ('body' in asked || room >= asked.maxTokens) return false;
        asked = { ...asked, maxTokens: room };
        return true;
      },
    });
    return { ...reply, model: reply.model || request.model, maxTokens: asked.maxTokens };
  }

  /**
   * Asks an engine for a stream that is handed on as it comes. It is returned once its first event is there, so that
   * what goes wrong before that is an error like any other.
   * @throws ServiceError for everything that can go wrong
   */
  open(request: EngineRequest, budget: CallBudget): Promise<OpenReply> {
    return this.#withRetries(request, budget, async (one) => {
      const stream = await openOnce(one, request);
      return OpenReply.begin(one, stream, (thrown) => {
        const fault = this.#faultOf(one, thrown);
        one.fail(fault.kind);
        one.close();
        return fault.toServiceError(one.address.contextTokens);
      });
    });
  }

  /** Tries at one engine and, where that may help, at another or once more. */
  async #withRetries<T>(
    request: EngineRequest,
    budget: CallBudget,
    run: (one: Try) => Promise<T>,
    { mayRepeat, makeRoom }: RetryRules = {},
  ): Promise<T> {
    const addresses =
      'body' in request && request.path === '/v1/embeddings'
        ? this.#embedding()
        : this.#serving(request.model);
    const streams = request.delivery === 'stream';
    let roomChanges = 0;
    let isRepeated = false;
    for (;;) {
      const address = pick(addresses, budget.failedAt);
      try {
        return await this.#try(address, streams, budget, run);
      } catch (thrown) {
        const fault = thrown as EngineFault;
        const room = fault.roomLeft(address.contextTokens);
        if (room !== undefined && roomChanges < MAX_ROOM_CHANGES && makeRoom?.(room)) {
          roomChanges++;
          continue;
        }
        const next = pick(addresses, address.url);
        const elsewhere = next !== address && next.state === 'up';
        const wait = waitBefore(fault, elsewhere);
        const last = isRepeated || wait === undefined || performance.now() + wait >= budget.deadlineAt;
        budget.failedAt = address.url;
        if (last || mayRepeat?.(fault.detail) === false) {
          throw fault.toServiceError(address.contextTokens);
        }
        isRepeated = true;
        await delay(wait, undefined, { signal: budget.signal }).catch(() => {
          throw new EngineFault('cancelled').toServiceError();
        });
      }
    }
  }

  /** @throws EngineFault */
  async #try<T>(
    address: EngineAddress,
    streams: boolean,
    budget: CallBudget,
    run: (one: Try) => Promise<T>,
  ): Promise<T> {
    const { firstTokenTimeout, stallTimeout, engineMaxReplyBytes } = this.settings;
    requireCaller(budget);
    budget.onTry(address.dialect.provider);
    const bounds = {
      deadlineAt: budget.deadlineAt,
      maxBytes: engineMaxReplyBytes,
      ...(streams && { firstTokenMs: firstTokenTimeout * 1000, stallMs: stallTimeout * 1000 }),
    };
    const one = new Try(address, budget, bounds, this.#secrets);
    try {
      const result = await run(one);
      this.#answered(address);
      if (one.goesOn) return result;
      requireCaller(budget);
      one.succeed();
      return result;
    } catch (thrown) {
      const fault = this.#faultOf(one, thrown);
      one.fail(fault.kind);
      throw fault;
    } finally {
      if (!one.goesOn) one.close();
    }
  }

  #faultOf({ address, guard, id }: Try, thrown: unknown): EngineFault {
    const fault = faultOf(thrown, guard);
    if (fault.kind === 'unreachable') this.#lost(address);
    this.#logger.debug({
      message: 'engine fault',
      engine: address.url,
      engine_request: id,
      kind: fault.kind,
      seen: fault.facts.seen,
      ...(this.settings.logPrompts && { said: fault.facts.said }),
    });
    return fault;
  }

  /** @throws ServiceError NOT_CONFIGURED */
  #embedding(): readonly EngineAddress[] {
    if (this.#embeddings) return [this.#embeddings];
    if (this.settings.engineKind === 'stub') return this.#addresses;
    throw new ServiceError('NOT_CONFIGURED', 'No server for embeddings is named.');
  }

  #answered(address: EngineAddress): void {
    if (address.state === 'up') return;
    address.state = 'up';
    this.#logger.log({ message: 'engine answers', engine: address.url, provider: address.dialect.provider });
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
    const facts = { engine: address.url, provider: address.dialect.provider };
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

  /** Warns where settings and engine disagree. */
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

/** A whole reply can come just because the engine was told that the caller had left. */
function requireCaller({ signal }: CallBudget): void {
  if (signal.aborted) throw new EngineFault('cancelled');
}

const RANK = { up: 0, unknown: 1, down: 2 } as const;

/** The first healthy engine other than the one that just failed, else the best that is left. */
function pick(addresses: readonly EngineAddress[], failedAt: string | undefined): EngineAddress {
  const [first] = addresses.toSorted((a, b) => {
    const afterFailure = Number(a.url === failedAt) - Number(b.url === failedAt);
    return RANK[a.state] - RANK[b.state] || afterFailure;
  });
  if (!first) throw new Error('EngineService is used before it is initialised');
  return first;
}

/** Milliseconds to wait before a second try; nothing where there should be none. */
function waitBefore(fault: EngineFault, elsewhere: boolean): number | undefined {
  if (!fault.retryable) return undefined;
  if (fault.kind !== 'overloaded' || elsewhere) return BRIEF_WAIT_MS * (1 + Math.random());
  const { retryAfterMs = BUSY_WAIT_MS * (1 + Math.random()) } = fault.facts;
  return retryAfterMs <= MAX_RETRY_WAIT_MS ? retryAfterMs : undefined;
}

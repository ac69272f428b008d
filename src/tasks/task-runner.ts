import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { type AttemptReport, ServiceError } from '../common/errors.js';
import type { CallFacts, RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { EngineService } from '../engine/engine.service.js';
import type { ChatMessage, EngineReply, EngineRequest, Sampling, Usage } from '../engine/engine-request.js';
import { buildMessages } from '../prompts/build-messages.js';
import { neutraliseMarks, restoreMarks } from '../prompts/chat-marks.js';
import type { CallOptions } from './call-options.js';
import { NO_THINKING_SAMPLING, type StructuredTask, type Task, THINKING_SAMPLING } from './define-task.js';
import { type Flaw, judge } from './ladder.js';
import { reAsk } from './re-ask.js';
import { ReplyCounters } from './reply-counters.js';

/** How far a structured reply may grow over its task's tokens where the caller names no ceiling. */
const MAX_GROWTH = 4;

/** How often free text is asked for, at the most, until it is there. */
const TEXT_ATTEMPTS = 2;

/** A structured question of a caller. */
export interface StructuredInput<I> {
  readonly systemPrompt: string;
  readonly userPrompt: string;
  /** What the task's rules and terms look at. */
  readonly facts: I;
}

/** Free text with what it cost. */
export interface TextAnswer {
  readonly content: string;
  readonly usage: Usage;
}

/** A call while it runs: what the log line and the headers will tell. */
interface Call {
  readonly task: Task;
  readonly options: CallOptions;
  readonly context: RequestContext;
  readonly facts: CallFacts;
  readonly deadlineAt: number;
  readonly startedAt: number;
  usage: Usage;
  firstTokenMs: number | undefined;
  rung: string | undefined;
}

/**
 * The pipeline that every question goes through: prompt, engine, check, counters, log line. Features declare a
 * task and call it; there is no second way to an engine.
 */
@Injectable()
export class TaskRunner {
  readonly #logger = new Logger('Call');

  constructor(
    private readonly settings: Settings,
    private readonly engine: EngineService,
    private readonly counters: ReplyCounters,
  ) {}

  /**
   * Asks for an object until it is valid, within the call's attempts and time.
   * @throws ServiceError STRUCTURED_OUTPUT_INVALID and every error of the engine
   */
  async runStructured<T, I>(
    task: StructuredTask<T, I>,
    input: StructuredInput<I>,
    options: CallOptions,
    context: RequestContext,
  ): Promise<T> {
    return this.#record(task, options, context, async (call) => {
      const terms = task.terms?.(input.facts);
      const messages = buildMessages({ ...input, contract: task.contract, ...(terms && { terms }) }, task);
      const ownTokens = task.maxTokens ?? this.settings.defaultMaxTokens;
      const ceiling = options.maxTokens ?? ownTokens * MAX_GROWTH;
      const first: EngineRequest = {
        ...this.#request(task, options, messages, Math.min(ownTokens, ceiling)),
        format: { name: task.schema.name, grammar: task.schema.grammar },
      };

      const reports: AttemptReport[] = [];
      let request = first;
      for (let attempt = 1; ; attempt++) {
        const reply = await this.#ask(call, request);
        const verdict = judge(task, reply, input.facts);
        if (verdict.valid) {
          call.rung = attempt > 1 ? 're-asked' : verdict.rung;
          this.counters.count(task.name, verdict.rung);
          return verdict.value;
        }
        this.counters.count(task.name, verdict.flaw);
        const { flaw, reason, errors } = verdict;
        reports.push({ attempt, reason, ...(errors.length > 0 && { errors }) });
        if (attempt >= this.settings.structuredMaxAttempts) throw invalid(flaw, reports);
        if (attempt === 1) this.counters.count(task.name, 're-asked');
        request = reAsk(request, first, reply, verdict, ceiling);
      }
    });
  }

  /**
   * Asks for free text.
   * @throws ServiceError ENGINE_REPLY_EMPTY, ENGINE_REPLY_CUT and every error of the engine
   */
  async runText(
    task: Task,
    messages: readonly ChatMessage[],
    options: CallOptions,
    context: RequestContext,
  ): Promise<TextAnswer> {
    return this.#record(task, options, context, async (call) => {
      const harmless = messages.map((message) => ({
        ...message,
        content: neutraliseMarks(message.content, task),
      }));
      const maxTokens = options.maxTokens ?? task.maxTokens ?? this.settings.defaultMaxTokens;
      const request = this.#request(task, options, harmless, maxTokens);
      for (let attempt = 1; ; attempt++) {
        const { content, finish, usage } = await this.#ask(call, request);
        call.facts.finishReason = finish === 'length' ? 'length' : 'stop';
        const whole = finish === 'stop' || finish === 'stop-string' || finish === 'length';
        if (whole && content.trim() !== '')
          return { content: restoreMarks(content, task).trimStart(), usage };
        if (attempt >= TEXT_ATTEMPTS) {
          throw whole
            ? new ServiceError('ENGINE_REPLY_EMPTY', 'The engine ended its reply without a word.')
            : new ServiceError('ENGINE_REPLY_CUT', 'The engine ended its reply before it was whole.');
        }
      }
    });
  }

  #request(
    task: Task,
    options: CallOptions,
    messages: readonly ChatMessage[],
    maxTokens: number,
  ): EngineRequest {
    const sampling: Sampling = {
      ...(options.temperature !== undefined && { temperature: options.temperature }),
      ...(options.topP !== undefined && { topP: options.topP }),
      ...(options.seed !== undefined && { seed: options.seed }),
      ...(options.stop && { stop: options.stop }),
    };
    const temperature = task.temperature ?? this.settings.defaultTemperature;
    const fixed = task.thinking ? THINKING_SAMPLING : NO_THINKING_SAMPLING;
    return {
      model: options.model ?? this.settings.modelName,
      messages,
      sampling,
      samplingDefaults: { temperature, ...fixed },
      maxTokens,
      thinking: task.thinking,
      delivery: task.delivery,
    };
  }

  async #ask(call: Call, request: EngineRequest): Promise<EngineReply> {
    const { facts, context, deadlineAt } = call;
    const askedAt = performance.now();
    if (facts.attempts === 0) facts.timing.queue = askedAt - call.startedAt;
    try {
      const onTry = (): void => {
        facts.attempts++;
      };
      const reply = await this.engine.ask(request, { deadlineAt, signal: context.signal, onTry });
      facts.model = reply.model;
      call.usage = {
        prompt_tokens: call.usage.prompt_tokens + reply.usage.prompt_tokens,
        completion_tokens: call.usage.completion_tokens + reply.usage.completion_tokens,
        total_tokens: call.usage.total_tokens + reply.usage.total_tokens,
      };
      call.firstTokenMs ??= reply.firstTokenMs;
      if (this.settings.logPrompts)
        this.#logger.debug({ message: 'exchange', call_id: facts.callId, request, reply });
      return reply;
    } finally {
      facts.timing.engine += performance.now() - askedAt;
    }
  }

  /** Runs a call with its facts, counts how it ended and writes its one log line. */
  async #record<R>(
    task: Task,
    options: CallOptions,
    context: RequestContext,
    run: (call: Call) => Promise<R>,
  ): Promise<R> {
    const startedAt = performance.now();
    const call: Call = {
      task,
      options,
      context,
      startedAt,
      deadlineAt: startedAt + this.settings.requestTimeout * 1000,
      facts: {
        callId: randomUUIDv7(),
        model: options.model ?? this.settings.modelName,
        provider: this.engine.dialect.provider,
        attempts: 0,
        timing: { queue: 0, engine: 0, total: 0 },
      },
      usage: { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 },
      firstTokenMs: undefined,
      rung: undefined,
    };
    context.call = call.facts;
    this.counters.count(task.name, 'calls');
    let code: string | undefined;
    try {
      const result = await run(call);
      this.counters.count(task.name, 'valid');
      return result;
    } catch (error) {
      code = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
      this.counters.count(task.name, code === 'CANCELLED' ? 'cancelled' : 'failed');
      throw error;
    } finally {
      call.facts.timing.total = performance.now() - startedAt;
      this.#writeLine(call, code);
    }
  }

  #writeLine(
    { task, options, context, facts, usage, firstTokenMs, rung }: Call,
    code: string | undefined,
  ): void {
    const { queue, engine, total } = facts.timing;
    const line = {
      message: 'call',
      call_id: facts.callId,
      request_id: context.requestId,
      task: task.name,
      lane: task.lane,
      outcome: code === undefined ? 'ok' : code === 'CANCELLED' ? 'cancelled' : 'failed',
      code,
      rung,
      model: facts.model,
      provider: facts.provider,
      attempts: facts.attempts,
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      queue_ms: round(queue),
      engine_ms: round(engine),
      first_token_ms: firstTokenMs === undefined ? undefined : round(firstTokenMs),
      total_ms: round(total),
      key: context.caller?.name,
      interview_id: options.interviewId,
      turn: options.turn,
      user_id: options.userId,
      tags: options.tags,
    };
    if (line.outcome === 'failed') this.#logger.warn(line);
    else this.#logger.log(line);
  }
}

function invalid(flaw: Flaw, attempts: readonly AttemptReport[]): ServiceError {
  const last = attempts.at(-1)?.reason ?? '';
  const asked = `The model was asked ${attempts.length === 1 ? 'once' : `${attempts.length} times`}.`;
  return flaw === 'empty'
    ? new ServiceError('ENGINE_REPLY_EMPTY', `${asked} ${last}`, { attempts })
    : new ServiceError('STRUCTURED_OUTPUT_INVALID', `${asked} The last time: ${last}`, { attempts });
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

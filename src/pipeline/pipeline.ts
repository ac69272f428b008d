import { randomUUIDv7 } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import { CallEvents } from '../calls/call-events.js';
import { type CallPlan, CallRecord } from '../calls/call-record.js';
import { CallStore } from '../call-store/call-store.js';
import { ServiceError } from '../common/errors.js';
import type { EventStream } from '../common/event-stream.js';
import { unexpectedFault } from '../common/problem.filter.js';
import type { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { EngineFault } from '../engine/engine-fault.js';
import { EngineService } from '../engine/engine.service.js';
import type { RelayRequest } from '../engine/relay-request.js';
import { RelayedStream, type RelayedText } from '../engine/relayed-reply.js';
import type { ChatMessage, EngineReply, EngineRequest, Sampling, Usage } from '../engine/engine-request.js';
import type { RunawayReason } from '../engine/watchdog.js';
import { buildMessages } from '../prompts/build-messages.js';
import { neutraliseMarks } from '../text/chat-marks.js';
import { askCheckedRelay, type CheckedRelayTask } from './ask/checked-relay.js';
import { askStructured } from './ask/climb.js';
import { askText } from './ask/text.js';
import { Call } from '../calls/call.js';
import type { CallOptions } from './call-options.js';
import {
  NO_THINKING_SAMPLING,
  type StructuredShape,
  type StructuredTask,
  type Task,
  THINKING_SAMPLING,
} from './define-task.js';
import { FieldStream } from './out/field-stream.js';
import { type Rewrite, relayStream } from './out/relay-stream.js';
import { TextStream } from './out/text-stream.js';
import { openAiVoice, ownVoice, type Voice } from './out/voice.js';

/** How far a structured reply may grow over its task's tokens where the caller names no ceiling. */
const MAX_GROWTH = 4;

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

/**
 * The pipeline that every question goes through: prompt, engine, check, record. Features declare a task and call it;
 * there is no second way to an engine.
 *
 * Where the caller asked for a stream, the answer goes out as events and the methods return nothing; what goes wrong
 * before an engine is asked is thrown all the same, and keeps its status.
 */
@Injectable()
export class Pipeline {
  readonly #logger = new Logger('Call');

  constructor(
    private readonly settings: Settings,
    private readonly engine: EngineService,
    private readonly events: CallEvents,
    private readonly store: CallStore,
  ) {}

  /**
   * Asks for an object until it is valid, within the call's attempts and time.
   * @throws ServiceError STRUCTURED_OUTPUT_INVALID and every error of the engine
   */
  async runStructured<T extends object, I>(
    task: StructuredTask<T, I>,
    input: StructuredInput<I>,
    options: CallOptions,
    context: RequestContext,
  ): Promise<T | undefined> {
    const only = checkedFields(task, options);
    const terms = task.terms?.(input.facts);
    const messages = buildMessages({ ...input, contract: task.contract, ...(terms && { terms }) }, task);
    const ownTokens = task.maxTokens ?? this.settings.defaultMaxTokens;
    const ceiling = options.maxTokens ?? ownTokens * MAX_GROWTH;
    const request: EngineRequest = {
      ...this.#request(task, options, messages, Math.min(ownTokens, ceiling)),
      format: { name: task.schema.name, grammar: task.schema.grammar },
    };
    const bounds = { maxAttempts: this.settings.structuredMaxAttempts, ceiling };
    const plan = { promptHash: task.contractHash, schemaHash: task.schema.hash };
    return this.#answer({ task, options, context, plan }, async (call) => {
      call.record.content.question = input.userPrompt;
      const fields = call.streams ? new FieldStream(task, fieldEvents(call), only) : undefined;
      const value = await askStructured(call, task, request, input.facts, bounds, fields);
      const whole = task.toReply?.(value) ?? value;
      const reply = only ? (pick(whole, only) as T) : whole;
      call.record.content.reply = JSON.stringify(reply);
      return reply;
    });
  }

  /**
   * Asks for free text.
   * @throws ServiceError ENGINE_REPLY_EMPTY, ENGINE_REPLY_CUT, ENGINE_REPLY_RUNAWAY and every error of the engine
   */
  async runText(
    task: Task,
    messages: readonly ChatMessage[],
    options: CallOptions,
    context: RequestContext,
  ): Promise<TextAnswer | undefined> {
    const harmless = messages.map((message) => ({
      ...message,
      content: neutraliseMarks(message.content, task),
    }));
    const maxTokens = options.maxTokens ?? task.maxTokens ?? this.settings.defaultMaxTokens;
    const request = this.#request(task, options, harmless, maxTokens);
    return this.#answer({ task, options, context }, async (call) => {
      call.record.content.question = messages.findLast(({ role }) => role === 'user')?.content;
      const text = call.streams ? new TextStream(task, textEvents(call)) : undefined;
      const { content, usage } = await askText(call, request, text);
      call.record.content.answer = content;
      call.record.content.reply = JSON.stringify({ content, usage });
      return { content, usage };
    });
  }

  /**
   * Passes a request of OpenAI's own API on, and its reply back nearly as it is.
   * @param rewrite what is changed about the reply's text, or about each event of its stream
   * @param restore what is changed about the words of a stream, once they are all there
   * @throws ServiceError every error of the engine; once a stream has begun, an error is its last event
   */
  async runRelay(
    task: Task,
    request: RelayRequest,
    options: CallOptions,
    context: RequestContext,
    rewrite?: Rewrite,
    restore?: (text: string) => string,
  ): Promise<RelayedText | undefined> {
    return this.#answer({ task, options, context, voice: openAiVoice }, async (call) => {
      const { content } = call.record;
      content.question = lastQuestionIn(request.body);
      const reply = await call.relay(request);
      if (!(reply instanceof RelayedStream)) {
        const text = rewrite ? rewrite(reply.text) : reply.text;
        content.reply = text;
        return { ...reply, text };
      }
      await relayStream(call, reply, this.settings.slowReaderTimeout * 1000, rewrite);
      content.answer = restore ? restore(reply.said) : reply.said;
      content.reply = JSON.stringify({ content: content.answer });
      return { text: '', model: reply.model };
    });
  }

  /**
   * Passes a chat request of OpenAI's API on until its reply fits the caller's own schema.
   * @param toEvents makes of the reply the events of a stream, where the caller asked for one
   * @throws ServiceError STRUCTURED_OUTPUT_INVALID, ENGINE_REPLY_EMPTY and every error of the engine
   */
  async runCheckedRelay(
    task: CheckedRelayTask,
    request: RelayRequest,
    options: CallOptions,
    context: RequestContext,
    toEvents: ((reply: string) => readonly string[]) | undefined,
  ): Promise<RelayedText | undefined> {
    const { defaultMaxTokens, structuredMaxAttempts: maxAttempts } = this.settings;
    const maxTokens = request.maxTokens ?? defaultMaxTokens;
    const bounds = { maxAttempts, ceiling: request.maxTokens ?? defaultMaxTokens * MAX_GROWTH };
    return this.#answer({ task, options, context, voice: openAiVoice }, async (call) => {
      call.record.content.question = lastQuestionIn(request.body);
      const asked = { ...request, maxTokens };
      const reply = await askCheckedRelay(call, task, asked, this.engine.dialect, bounds);
      call.record.content.reply = reply.text;
      for (const event of toEvents?.(reply.text) ?? []) call.openStream().write(`data: ${event}\n\n`);
      return reply;
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
      reasoningTokens: task.reasoningTokens,
      thinking: task.thinking,
      delivery: options.stream ? 'stream' : task.delivery,
    };
  }

  /** Runs a call and hands its answer out: whole, or as the stream's last event. */
  async #answer<R extends object>(
    beginning: Beginning,
    run: (call: Call) => Promise<R>,
  ): Promise<R | undefined> {
    const { context, voice = ownVoice } = beginning;
    this.store.admit();
    const call = this.#begin(beginning);
    const { record } = call;
    try {
      const reply = await this.#record(call, run);
      if (!call.stream) return reply;
      voice.result(call.stream, reply, record);
      call.stream.end();
    } catch (error) {
      if (!call.stream) throw error;
      const known = error instanceof ServiceError ? error : unexpectedFault(error, context.requestId);
      voice.error(call.stream, known, record);
      call.stream.end();
    }
    return undefined;
  }

  #begin({ task, options, context, plan }: Beginning): Call {
    const { settings } = this;
    const modelAsked = options.model ?? settings.modelName;
    const facts = {
      callId: randomUUIDv7(),
      model: modelAsked,
      provider: this.engine.dialect.provider,
      attempts: 0,
      timing: { queue: 0, engine: 0, total: 0 },
    };
    context.call = facts;
    const record = new CallRecord(task.name, task.lane, options.stream ?? false, options, context, facts, {
      ...plan,
      modelAsked,
    });
    const streaming = { pingMs: settings.streamPing * 1000, bufferBytes: settings.streamBufferBytes };
    const deadlineAt = record.startedAt + settings.requestTimeout * 1000;
    const onExchange = (request: EngineRequest, reply: EngineReply): void => {
      this.#logger.debug({ message: 'exchange', call_id: facts.callId, request, reply });
    };
    return new Call(
      record,
      this.engine,
      deadlineAt,
      options.stream ? streaming : undefined,
      settings.logPrompts ? onExchange : undefined,
    );
  }

  /** Writes a call into the log as it stands: before its answer is whole for the caller. */
  #keep(record: CallRecord): Promise<void> {
    record.facts.timing.total = record.elapsedMs();
    return this.store.write(record);
  }

  /**
   * Nobody waits for it: the row that ends the call goes the same way, and says how that went. The engine is asked first,
   * so that it does not cost the first token's time.
   */
  #keepBeginning(record: CallRecord): void {
    setImmediate(() => {
      if (record.outcome === undefined) this.#keep(record).catch(() => undefined);
    });
  }

  /** Tells of a call's beginning and end, and of how it ended. */
  async #record<R>(call: Call, run: (call: Call) => Promise<R>): Promise<R> {
    const { record } = call;
    this.events.emit('start', record);
    if (call.streams) this.#keepBeginning(record);
    try {
      const result = await run(call);
      record.outcome = 'ok';
      await this.#keep(record);
      return result;
    } catch (error) {
      const isKept = record.outcome === 'ok';
      record.code = error instanceof ServiceError ? error.code : 'INTERNAL_ERROR';
      record.outcome = record.code === 'CANCELLED' ? 'cancelled' : 'failed';
      const runaway = error instanceof ServiceError && runawayOf(error);
      if (runaway) record.runaways.push(runaway);
      // What went wrong before is what the caller is told, also where the log fails on top of it.
      if (!isKept) await this.#keep(record).catch(() => undefined);
      throw error;
    } finally {
      record.facts.timing.total = record.elapsedMs();
      this.events.emit('end', record);
    }
  }
}

/** What a call begins with. */
interface Beginning {
  readonly task: Task;
  readonly options: CallOptions;
  readonly context: RequestContext;
  readonly plan?: Omit<CallPlan, 'modelAsked'>;
  /** How a stream to the caller ends. */
  readonly voice?: Voice;
}

/** What a request of OpenAI's API asks, as text: its last message of the user, or its prompt. */
function lastQuestionIn(body: object): string | undefined {
  const { messages = [], prompt } = body as {
    messages?: readonly { role: string; content: unknown }[];
    prompt?: unknown;
  };
  if (typeof prompt === 'string') return prompt;
  const content = messages.findLast(({ role }) => role === 'user')?.content;
  return typeof content === 'string' ? content : undefined;
}

/** Why the watchdog broke a relayed stream off, where that is what ended the call. */
function runawayOf({ cause }: ServiceError): RunawayReason | undefined {
  return cause instanceof EngineFault ? cause.facts.runaway : undefined;
}

/** The fields that a streaming caller wants, which must be fields of the reply. */
function checkedFields(
  { schema }: StructuredShape,
  { stream, streamFields }: CallOptions,
): readonly string[] | undefined {
  if (!streamFields) return undefined;
  const known = Object.keys(schema.grammar.properties ?? {}).map((field) => `/${field}`);
  const errors = streamFields.flatMap((path, index) =>
    known.includes(path)
      ? []
      : [{ path: `/stream_fields/${index}`, message: `must be one of ${known.join(', ')}` }],
  );
  if (!stream) errors.push({ path: '/stream_fields', message: 'needs stream: true' });
  if (errors.length === 0) return streamFields.map((path) => path.slice(1));
  throw new ServiceError('VALIDATION_FAILED', 'stream_fields does not fit this route.', { errors });
}

function fieldEvents(call: Call): ConstructorParameters<typeof FieldStream>[1] {
  return {
    delta: (path, text) => {
      sent(call).send('field.delta', { path, text });
    },
    done: (path, value) => {
      sent(call).send('field.done', { path, value });
    },
    reset: (reason) => {
      reset(call, reason);
    },
  };
}

function textEvents(call: Call): ConstructorParameters<typeof TextStream>[1] {
  return {
    delta: (text) => {
      sent(call).send('delta', { text });
    },
    reset: (reason) => {
      reset(call, reason);
    },
  };
}

/** The caller's stream, on which something of the answer goes out now. */
function sent(call: Call): EventStream {
  call.record.firstFieldMs ??= call.record.elapsedMs();
  return call.openStream();
}

function reset(call: Call, reason: string): void {
  const { record } = call;
  record.resets++;
  call.openStream().send('reset', { reason, attempt: record.facts.attempts + 1 });
}

function pick(reply: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(reply).filter(([field]) => fields.includes(field)));
}

import { randomUUID } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ServiceError } from './errors.js';
import { EventStream, type StreamOptions } from './event-stream.js';

/** What a key may do: ask the model, look at what runs, change anything. */
export type Scope = 'inference' | 'read' | 'admin';

/** Who asks, as far as the key tells. */
export interface Caller {
  /** The key's name, or how the caller got in without one. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
}

/** Facts about a call that are not its answer; they travel in headers. */
export interface CallFacts {
  readonly callId: string;
  model: string;
  provider: string;
  /** How often the engine was asked, retries included. */
  attempts: number;
  /** Why the model stopped, where a caller of free text wants to know. */
  finishReason?: string;
  /** Milliseconds: before the engine was first asked, spent on the engine, and in all. */
  timing: { queue: number; engine: number; total: number };
}

/** Why the work on a request ended before its reply was written. */
export type LeavingReason = 'disconnected' | 'cancelled' | 'too slow';

/** Behind a type in Accept: this one not. https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2 */
const WEIGHT_OF_NONE = /^q=0(\.0*)?$/;

/** What is known about the HTTP request that is being answered. */
export class RequestContext {
  /** `performance.now()` at arrival. */
  readonly startedAt = performance.now();
  caller: Caller | undefined;
  /** Set by the pipeline once a call exists; its facts go out as headers, with errors too. */
  call: CallFacts | undefined;
  readonly #left = new AbortController();
  #leftBecause: LeavingReason | undefined;
  #watchesResponse = false;

  constructor(
    readonly requestId: string,
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
  ) {}

  /** Aborted when the caller leaves before the reply is written, or when the call is cancelled. */
  get signal(): AbortSignal {
    if (!this.#watchesResponse) {
      this.#watchesResponse = true;
      const response = this.reply.raw;
      const onClose = (): void => {
        if (!response.writableFinished) this.leave('disconnected');
      };
      response.once('close', onClose);
      if (response.destroyed) onClose();
    }
    return this.#left.signal;
  }

  /** Why nobody waits for the answer any more. */
  get leftBecause(): LeavingReason | undefined {
    return this.#leftBecause;
  }

  /** Ends the work on this request; the first reason counts. */
  leave(reason: LeavingReason): void {
    this.#leftBecause ??= reason;
    this.#left.abort();
  }

  /** Whether the caller's Accept header asks for a stream of events. */
  get acceptsEvents(): boolean {
    return (this.request.headers.accept ?? '').split(',').some((range) => {
      const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      return type === 'text/event-stream' && !parameters.some((parameter) => WEIGHT_OF_NONE.test(parameter));
    });
  }

  /** Takes the reply out of the framework's hands: from here on it is a stream of events. */
  openStream(options: StreamOptions): EventStream {
    const stream = new EventStream(this.reply.raw, options, () => {
      this.leave('too slow');
    });
    this.reply.hijack();
    const { callId, provider } = this.call ?? {};
    stream.open({ ...this.reply.getHeaders(), 'x-call-id': callId, 'x-provider': provider });
    return stream;
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    ctx: RequestContext;
  }
}

/** Injects the request's {@link RequestContext} into a controller method. */
export const Context = createParamDecorator(
  (_: unknown, host: ExecutionContext): RequestContext =>
    host.switchToHttp().getRequest<FastifyRequest>().ctx,
);

const SANE_REQUEST_ID = /^[\w.:-]{1,128}$/;

/** A caller's own request id when it is sane (word characters, `.`, `:`, `-`; at most 128), else a new one. */
export function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === 'string' && SANE_REQUEST_ID.test(header) ? header : randomUUID();
}

/** An engine names its model, at any length; whatever a header cannot carry becomes `?`. */
function headerText(text: string): string {
  return text.slice(0, 200).replaceAll(/[^\x20-\x7e]/g, '?');
}

/** Gives every request its context and every reply the headers that tell of it. */
export function registerRequestContext(server: FastifyInstance): void {
  server.decorateRequest('ctx', null as unknown as RequestContext);

  server.addHook('onRequest', (request, reply, done) => {
    request.ctx = new RequestContext(requestIdOf(request.headers['x-request-id']), request, reply);
    reply.header('x-request-id', request.ctx.requestId);
    reply.header('x-content-type-options', 'nosniff');
    done(
      request.headers.host === undefined && request.raw.httpVersion === '1.1'
        ? new ServiceError('MALFORMED_REQUEST', 'An HTTP/1.1 request has a Host header; this one has none.')
        : undefined,
    );
  });

  server.addHook('onSend', (request, reply, payload, done) => {
    const { call } = request.ctx;
    if (call) {
      const { queue, engine, total } = call.timing;
      const service = Math.max(0, total - queue - engine);
      reply.header('x-call-id', call.callId);
      reply.header('x-model', headerText(call.model));
      reply.header('x-provider', call.provider);
      reply.header('x-attempts', call.attempts);
      if (call.finishReason) reply.header('x-finish-reason', call.finishReason);
      reply.header(
        'server-timing',
        `queue;dur=${queue.toFixed(1)}, engine;dur=${engine.toFixed(1)}, service;dur=${service.toFixed(1)}`,
      );
    }
    done(null, payload);
  });
}

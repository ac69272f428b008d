import { randomUUID } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CallContext, type Caller, type CallLabels } from './call-context.js';
import { ServiceError } from './errors.js';
import { EventStream, type StreamOptions } from './event-stream.js';

/** Behind a type in Accept: this one not. https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2 */
const WEIGHT_OF_NONE = /^q=0(\.0*)?$/;

/** What is known about the HTTP request that is being answered. */
export class RequestContext {
  caller: Caller | undefined;
  #call: CallContext | undefined;
  #left: AbortController | undefined;

  constructor(
    readonly requestId: string,
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly streamOptions: StreamOptions,
  ) {}

  /** The call that this request has asked for last. Its facts go out as headers, with errors too. */
  get call(): CallContext | undefined {
    return this.#call;
  }

  /** Begins a call of this request's caller, which is over when the caller leaves. */
  newCall(labels: CallLabels = {}): CallContext {
    const call = new CallContext(this.requestId, this.caller, labels);
    this.#call = call;
    this.#whenGone(() => {
      call.leave('disconnected');
    });
    return call;
  }

  /** Aborted when the caller leaves before the reply is written; for work that is no call. */
  get signal(): AbortSignal {
    if (!this.#left) {
      const left = new AbortController();
      this.#left = left;
      this.#whenGone(() => {
        left.abort();
      });
    }
    return this.#left.signal;
  }

  /** Whether the caller's Accept header asks for a stream of events. */
  get acceptsEvents(): boolean {
    return (this.request.headers.accept ?? '').split(',').some((range) => {
      const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
      return type === 'text/event-stream' && !parameters.some((parameter) => WEIGHT_OF_NONE.test(parameter));
    });
  }

  /** Takes the reply out of the framework's hands: from here on it is a stream of a call's events. */
  openStream(call: CallContext): EventStream {
    const stream = new EventStream(this.reply.raw, this.streamOptions, () => {
      call.leave('too slow');
    });
    const { callId, provider } = call.facts ?? {};
    stream.open({ ...this.reply.getHeaders(), 'x-call-id': callId, 'x-provider': provider });
    // Not before the head is out: until then an error is answered by the framework.
    this.reply.hijack();
    return stream;
  }

  #whenGone(act: () => void): void {
    const response = this.reply.raw;
    const onClose = (): void => {
      if (!response.writableFinished) act();
    };
    if (response.destroyed) onClose();
    else response.once('close', onClose);
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

/**
 * Gives every request its context and every reply the headers that report on it.
 * @param streamOptions how streams to callers behave
 */
export function registerRequestContext(server: FastifyInstance, streamOptions: StreamOptions): void {
  server.decorateRequest('ctx', null as unknown as RequestContext);

  server.addHook('onRequest', (request, reply, done) => {
    const requestId = requestIdOf(request.headers['x-request-id']);
    request.ctx = new RequestContext(requestId, request, reply, streamOptions);
    reply.header('x-request-id', request.ctx.requestId);
    reply.header('x-content-type-options', 'nosniff');
    done(
      request.headers.host === undefined && request.raw.httpVersion === '1.1'
        ? new ServiceError('MALFORMED_REQUEST', 'An HTTP/1.1 request has a Host header; this one has none.')
        : undefined,
    );
  });

  server.addHook('onSend', (request, reply, payload, done) => {
    const call = request.ctx.call?.facts;
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

import type { Server, ServerOptions } from 'node:http';
import type { Socket } from 'node:net';
import { Logger } from '@nestjs/common';
import type { Settings } from '../config/settings.js';
import { Throttle } from '../logging/throttle.js';
import { networkOf } from './wrong-keys.js';

/** Milliseconds between two looks for requests that are late; Node's own 30 s would double a limit of 30 s. */
const CHECK_EVERY_MS = 1000;

/** How much later a reply is cut than a stream under /v1, which has the same limit and notes why it ends. */
const GRACE_MS = 1000;

/** Milliseconds between two lines in the log about connections that are refused. */
const TELL_EVERY_MS = 60_000;

const logger = new Logger('Connections');

/** The times of connections as Fastify, and Node below it, take them when the server is made. */
export function arrivalLimits({ arrivalTimeout, keepAliveTimeout }: Settings): {
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
  readonly http: ServerOptions;
} {
  const arrivalMs = toMs(arrivalTimeout);
  return {
    requestTimeout: arrivalMs,
    keepAliveTimeout: toMs(keepAliveTimeout),
    http: {
      // Fastify sets only the limit for the whole, and Node swaps the two where the one for headers is longer.
      headersTimeout: arrivalMs,
      requestTimeout: arrivalMs,
      connectionsCheckingInterval: Math.min(CHECK_EVERY_MS, arrivalMs),
    },
  };
}

/** Bounds how many connections callers have, and how long a reply waits for its reader. */
export function limitConnections(server: Server, settings: Settings): void {
  limitAll(server, settings.connectionLimit);
  if (settings.maxConnectionsPerAddress !== undefined) {
    limitEachAddress(server, settings.maxConnectionsPerAddress);
  }
  cutSlowReaders(server, toMs(settings.slowReaderTimeout));
}

function limitAll(server: Server, limit: number): void {
  const refused = new Throttle<undefined>(TELL_EVERY_MS, (_, count) => {
    logger.warn({
      message: 'new connections are closed without a reply: MAX_CONNECTIONS are open',
      limit,
      count,
    });
  });
  server.maxConnections = limit;
  server.on('drop', () => {
    refused.add(undefined);
  });
  server.once('close', () => {
    refused.flush();
  });
}

function limitEachAddress(server: Server, limit: number): void {
  const open = new Map<string, number>();
  const refused = new Throttle<string>(TELL_EVERY_MS, (address, count) => {
    const message =
      'new connections are closed without a reply: their address has MAX_CONNECTIONS_PER_ADDRESS open';
    logger.warn({ message, limit, count, address });
  });
  server.on('connection', (socket: Socket) => {
    const address = networkOf(socket.remoteAddress ?? '');
    const count = open.get(address) ?? 0;
    if (count >= limit) {
      socket.destroy();
      refused.add(address);
      return;
    }
    open.set(address, count + 1);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
  });
  server.once('close', () => {
    refused.flush();
  });
}

/** Ends connections on which a reply waits and nothing moves. A call that is still at work has nothing to send yet. */
function cutSlowReaders(server: Server, slowReaderMs: number): void {
  const silentMs = slowReaderMs + GRACE_MS;
  // The end of a connection's idle time is the same event; the two are told apart by their length.
  const idleMs = server.keepAliveTimeout + server.keepAliveTimeoutBuffer;
  server.setTimeout(silentMs === idleMs ? silentMs + 1 : silentMs, (socket: Socket) => {
    if (socket.timeout !== server.timeout || socket.writableLength > 0) socket.destroy();
  });
}

/** Of a setting in seconds; never 0, which would mean no limit. */
const toMs = (seconds: number): number => Math.ceil(seconds * 1000);

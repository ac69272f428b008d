import type { ServiceError } from '../common/errors.js';
import type { CallRecord } from './call-record.js';

/** Where an answer goes while it is made: a caller who reads a stream of events. */
export interface Sink {
  /** Whether the head went out; from then on the status of the reply is 200. */
  readonly isOpen: boolean;
  /** Sends the head, with the facts of the call that are known by now. Does nothing the second time. */
  open(): void;
  /** Sends an event of the service's own streams. */
  send(event: string, data: unknown): void;
  /** Sends text that is an event, or several, already. */
  write(text: string): void;
  /** Whether the reader has not taken all that was sent. */
  readonly isBehind: boolean;
  /** Waits until the reader has caught up, or is gone. */
  caughtUp(): Promise<void>;
  /** Ends the connection without a word: what was sent is not whole. */
  cut(): void;
  /** Sends the last event: the answer. */
  result(reply: object, record: CallRecord): void;
  /** Sends the last event: what went wrong. */
  error(error: ServiceError): void;
}

import { Injectable, Logger } from '@nestjs/common';
import { CallEvents } from './call-events.js';
import type { CallRecord } from './call-record.js';
import { FACT_NAMES, factOf } from './call-columns.js';

/** The fields of the line, in their order. */
const FIELDS = FACT_NAMES.map(factOf).flatMap(({ line, read }) =>
  line ? [{ name: line.name, read: line.read ?? ((call: CallRecord): unknown => read(call)) }] : [],
);

/** Writes the one line of each call; docs/operations.md explains its fields. */
@Injectable()
export class CallLog {
  readonly #logger = new Logger('Call');

  constructor(events: CallEvents) {
    events.on('end', (call) => {
      this.#write(call);
    });
  }

  #write(call: CallRecord): void {
    const line: Record<string, unknown> = { message: 'call' };
    for (const { name, read } of FIELDS) line[name] = read(call);
    if (call.outcome === 'failed') this.#logger.warn(line);
    else this.#logger.log(line);
  }
}

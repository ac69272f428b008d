import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Injectable, Logger, StreamableFile } from '@nestjs/common';
import { refusal } from '../common/refusal.js';
import { filterOf } from './call-filter.js';
import type { ExportCallsDto } from './call-log.dto.js';
import { CallLogRepository } from './call-log.repository.js';
import { SEED, WHOLE } from './export-layouts.js';
import { openText } from './export-text.js';

const TYPES = { csv: 'text/csv; charset=utf-8', jsonl: 'application/x-ndjson; charset=utf-8' } as const;

/** The call log as a file. A reader who is slow holds the next query back; one who leaves ends it. */
@Injectable()
export class CallExport {
  readonly #logger = new Logger('CallExport');

  constructor(private readonly repository: CallLogRepository) {}

  /**
   * Begins a file: what goes wrong with the first rows is thrown, what goes wrong later breaks the connection off.
   * @param signal aborted when its reader leaves
   * @throws ServiceError VALIDATION_FAILED for a wrong period or a mark on JSON, and what the repository throws
   */
  async open(query: ExportCallsDto, signal: AbortSignal): Promise<StreamableFile> {
    const { format = 'csv', columns = 'all', bom = 'false' } = query;
    if (bom === 'true' && format !== 'csv')
      throw refusal([{ path: '/bom', message: 'is for CSV alone: leave it out' }]);
    const now = new Date();
    const filter = filterOf(query);
    // Without an end it might run behind those who make calls for ever.
    const bounded = { ...filter, to: filter.to && filter.to < now ? filter.to : now };
    const text =
      columns === 'seed'
        ? await openText(this.repository.short(bounded, signal), SEED, format)
        : await openText(this.repository.whole(bounded, signal), WHOLE, format);
    const pieces = bom === 'true' ? marked(text) : text;
    return new StreamableFile(Readable.from(this.#shared(pieces, signal), { objectMode: false }), {
      type: TYPES[format],
      disposition: `attachment; filename="calls-${now.toISOString().slice(0, 10)}.${format}"`,
    });
  }

  /** Lets others have their turn between two pieces, and tells the operator of a file that broke off by itself. */
  async *#shared(text: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
    try {
      for await (const piece of text) {
        yield piece;
        await setImmediate();
      }
    } catch (error) {
      if (!signal.aborted) {
        this.#logger.warn({
          message: 'an export broke off',
          reason: error instanceof Error ? error.message : String(error),
        });
      }
      throw error;
    }
  }
}

/** The text behind a byte order mark. */
async function* marked(text: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  yield '\uFEFF';
  yield* text;
}

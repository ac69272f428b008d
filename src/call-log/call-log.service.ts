import { Injectable } from '@nestjs/common';
import { JSON_COLUMNS, type JsonColumn } from '../calls/call-columns.js';
import type { StoredCall } from '../call-store/calls-table.js';
import { ServiceError } from '../common/errors.js';
import { filterOf } from './call-filter.js';
import type { CallDto, CallPageDto, ListCallsDto } from './call-log.dto.js';
import { CallLogRepository } from './call-log.repository.js';
import { readCursor, writeCursor } from './cursor.js';

/** Calls on a page where the caller names no number. */
const DEFAULT_LIMIT = 50;

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** The call log, to look at. */
@Injectable()
export class CallLogService {
  constructor(private readonly repository: CallLogRepository) {}

  /** @throws ServiceError VALIDATION_FAILED for a wrong period or cursor, and what the repository throws */
  async list(query: ListCallsDto, signal: AbortSignal): Promise<CallPageDto> {
    const filter = filterOf(query);
    const limit = query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit);
    const before = query.cursor === undefined ? undefined : readCursor(query.cursor, filter);
    const found = await this.repository.list(filter, before, limit + 1, signal);
    const calls = found.slice(0, limit);
    const last = calls.at(-1);
    return { calls, next_cursor: last && found.length > limit ? writeCursor(last.id, filter) : null };
  }

  /** @throws ServiceError CALL_NOT_FOUND, and what the repository throws */
  async find(id: string, signal: AbortSignal): Promise<CallDto> {
    const call = UUID.test(id) ? await this.repository.find(id, signal) : undefined;
    if (call) return wholeCall(call);
    throw new ServiceError(
      'CALL_NOT_FOUND',
      'The log has no call with that id; one that is not streamed is in it once it is over.',
    );
  }
}

/** A row with its JSON as values. */
export function wholeCall(row: StoredCall): CallDto {
  const values = JSON_COLUMNS.map((name) => [name, valueOf(row[name])]);
  return { ...row, ...(Object.fromEntries(values) as Record<JsonColumn, unknown>) };
}

function valueOf(json: string | null): unknown {
  return json === null ? null : JSON.parse(json);
}

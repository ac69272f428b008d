import { EventEmitter } from 'node:events';
import { Injectable } from '@nestjs/common';
import type { CallRecord } from './call-record.js';

/** Where a call's beginning and end are told; log, counters and metrics listen. */
@Injectable()
export class CallEvents extends EventEmitter<{ start: [CallRecord]; end: [CallRecord] }> {}

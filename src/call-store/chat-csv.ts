import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { Settings } from '../config/settings.js';
import { CallEvents } from '../calls/call-events.js';
import { startOf } from '../calls/call-id.js';
import type { CallRecord } from '../calls/call-record.js';
import { CsvLog } from './csv-log.js';

/** Keeps CSV_LOG: a line for every answered question that names a version of its prompt. */
@Injectable()
export class ChatCsv implements OnApplicationShutdown {
  readonly #log: CsvLog | undefined;

  constructor(
    events: CallEvents,
    private readonly settings: Settings,
  ) {
    const { csvLog, csvLogMaxBytes } = settings;
    if (csvLog === undefined) return;
    const log = new CsvLog({ path: csvLog, maxBytes: csvLogMaxBytes });
    this.#log = log;
    events.on('end', (call) => {
      if (call.outcome === 'ok' && call.plan.promptVersion !== undefined) log.append(this.#rowOf(call));
    });
  }

  async onApplicationShutdown(): Promise<void> {
    await this.#log?.close();
  }

  #rowOf({ facts, content, plan, usage }: CallRecord): Parameters<CsvLog['append']>[0] {
    return {
      timestamp: startOf(facts.callId),
      message: this.settings.logContent === 'full' ? (content.question ?? '') : '',
      promptVersion: plan.promptVersion,
      model: facts.model,
      latencyMs: Math.round(facts.timing.total),
      totalTokens: usage.total_tokens,
      provider: facts.provider,
    };
  }
}

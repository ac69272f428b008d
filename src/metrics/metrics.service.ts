import { Injectable } from '@nestjs/common';
import { Gauge, Registry } from 'prom-client';
import { RefusedLogins } from '../access/refused-logins.js';
import { CallEvents } from '../calls/call-events.js';
import type { CallRecord } from '../calls/call-record.js';
import { CallStore } from '../call-store/call-store.js';
import { VERSION } from '../common/version.js';
import { Settings } from '../config/settings.js';
import { DatabaseService } from '../database/database.service.js';
import { EngineService } from '../engine/engine.service.js';
import { registerAccessMetrics } from './access-metrics.js';
import { CallMetrics } from './call-metrics.js';
import { registerEngineMetrics } from './engine-metrics.js';
import { GenAiMetrics } from './gen-ai-metrics.js';
import { ModelNames } from './model-names.js';
import { processMetrics } from './process-metrics.js';
import { registerStoreMetrics } from './store-metrics.js';

/** Keeps the numbers of this application. All that is known of a call comes from its record. */
@Injectable()
export class MetricsService {
  readonly #registry = new Registry();

  constructor(
    events: CallEvents,
    engine: EngineService,
    settings: Settings,
    database: DatabaseService,
    store: CallStore,
    refusedLogins: RefusedLogins,
  ) {
    const models = new ModelNames(engine, settings.modelName);
    const calls = new CallMetrics(this.#registry);
    const genAi = new GenAiMetrics(this.#registry);
    registerEngineMetrics(this.#registry, engine);
    registerStoreMetrics(this.#registry, database, store);
    registerAccessMetrics(this.#registry, refusedLogins);
    new Gauge({
      name: 'llm_service_build_info',
      help: 'Always 1; its label is the version.',
      labelNames: ['version'],
      registers: [this.#registry],
    }).set({ version: VERSION }, 1);

    // A record's own name of the model changes with the engine's answer, and not every engine answers with the name asked for.
    const running = new Map<CallRecord, string>();
    events.on('start', (call) => {
      running.set(call, models.nameOf(call.facts.model));
      calls.started(call);
    });
    events.on('end', (call) => {
      const model = running.get(call) ?? models.nameOf(call.facts.model);
      running.delete(call);
      calls.ended(call, model);
      genAi.ended(call, model);
    });
  }

  /** All numbers in Prometheus' text format. */
  async text(): Promise<string> {
    const texts = await Promise.all([this.#registry.metrics(), processMetrics().metrics()]);
    return texts.join('\n');
  }
}

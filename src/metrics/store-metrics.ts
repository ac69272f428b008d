import { Gauge, type Registry } from 'prom-client';
import type { CallStore } from '../call-store/call-store.js';
import type { DatabaseService } from '../database/database.service.js';

/** Adds the state of the database and of the call log. */
export function registerStoreMetrics(registry: Registry, database: DatabaseService, store: CallStore): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `llm_service_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });

  gauge('database_up', 'Whether the database takes calls.', () => (database.problem === undefined ? 1 : 0));
  gauge('calls_waiting', 'Calls that wait on disk for the database.', () => store.state.waiting);
  gauge('calls_dropped', 'Calls that are in no log, since the start.', () => store.state.dropped);
}

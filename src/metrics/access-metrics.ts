import { Counter, type Registry } from 'prom-client';
import type { RefusedLogins } from '../access/refused-logins.js';

/** Adds the logins that failed. */
export function registerAccessMetrics(registry: Registry, refusedLogins: RefusedLogins): void {
  new Counter({
    name: 'llm_service_refused_logins_total',
    help: 'Requests that were not let in, or whose key was none, by the reason.',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of refusedLogins.counts) this.inc({ reason }, count);
    },
  });
}

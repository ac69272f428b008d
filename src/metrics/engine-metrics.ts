import { Gauge, type Registry } from 'prom-client';
import type { EngineService } from '../engine/engine.service.js';

/** Adds the state of each engine. Its address may be a name that not everybody should read, so its place stands for it. */
export function registerEngineMetrics(registry: Registry, engine: EngineService): void {
  new Gauge({
    name: 'llm_service_engine_up',
    help: 'Whether the engine takes calls, by its place in ENGINE_URLS, from 0.',
    labelNames: ['engine'],
    registers: [registry],
    collect() {
      for (const [place, { state }] of engine.states().entries()) {
        this.set({ engine: String(place) }, state === 'up' ? 1 : 0);
      }
    },
  });
}

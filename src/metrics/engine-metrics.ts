import { Gauge, type Registry } from 'prom-client';
import type { EngineService, EngineState } from '../engine/engine.service.js';

/** Adds the state of each engine. Its address may be a name that not everybody should read, so its place stands for it. */
export function registerEngineMetrics(registry: Registry, engine: EngineService): void {
  const gauge = (name: string, help: string, read: (state: EngineState) => number) =>
    new Gauge({
      name: `llm_service_engine_${name}`,
      help: `${help}, by its place in ENGINE_URLS, from 0.`,
      labelNames: ['engine'],
      registers: [registry],
      collect() {
        for (const [place, state] of engine.states().entries()) {
          this.set({ engine: String(place) }, read(state));
        }
      },
    });

  gauge('up', 'Whether the engine takes calls', ({ state }) => (state === 'up' ? 1 : 0));
  gauge(
    'requests_waiting',
    'Requests that wait for a connection to the engine',
    ({ requests_waiting }) => requests_waiting,
  );
}

import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * What nobody can use: the lag's least, mean and deviation are no numbers before the first tick, a gauge named
 * `_total` reads like a counter, and the kinds of memory are V8's own affair.
 */
const USELESS = [
  'nodejs_eventloop_lag_min_seconds',
  'nodejs_eventloop_lag_mean_seconds',
  'nodejs_eventloop_lag_stddev_seconds',
  'nodejs_active_resources_total',
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_heap_space_size_total_bytes',
  'nodejs_heap_space_size_used_bytes',
  'nodejs_heap_space_size_available_bytes',
];

let metrics: Registry | undefined;

/**
 * Numbers of the process and of Node.js. There is one set for a process, whatever runs in it: what collects them (a
 * timer every 10 ms, an observer of the garbage collector) has no end. It begins with the first reading, so that a
 * service that nobody watches does not pay for it.
 */
export function processMetrics(): Registry {
  if (!metrics) {
    metrics = new Registry();
    collectDefaultMetrics({ register: metrics });
    for (const name of USELESS) metrics.removeSingleMetric(name);
  }
  return metrics;
}

import { resolve } from 'node:path';
import { CONTEXT_TOKENS, ENGINE_KEY, type EngineDriver } from './driver.ts';
import { EngineProcess, type Launch } from './engine-process.ts';
import { freePort } from '../../../scripts/free-port.ts';

const ALWAYS_THINKS = resolve('test/real-engine/always-thinks.jinja');

type RealEngine = Pick<Launch, 'readyPath' | 'runningGauge'> & {
  readonly name: 'sglang' | 'vllm';
  /** The title of the process that generates. */
  readonly generator: string;
  /** The options that let the engine hold this many calls and refuse the next one. */
  readonly limit: (calls: number) => string[];
};

export const sglang = driver({
  name: 'sglang',
  readyPath: '/ready',
  runningGauge: 'sglang:num_running_reqs',
  generator: 'sglang::scheduler',
  limit: (calls) => ['--max-running-requests', String(calls / 2), '--max-queued-requests', String(calls / 2)],
});

export const vllm = driver({
  name: 'vllm',
  readyPath: '/health',
  runningGauge: 'vllm:num_requests_running',
  generator: 'VLLM::EngineCore',
  // Unlike SGLang's, its limit counts the running calls too.
  limit: (calls) => ['--max-num-seqs', String(calls / 2), '--max-num-queued-reqs', String(calls)],
});

/** Starts an engine by its script in test/real-engine, which docs/proof.md explains. */
function driver({ name, limit, ...engine }: RealEngine): EngineDriver {
  const script = resolve(`test/real-engine/${name}.sh`);
  return {
    name,
    python: [script, 'python'],
    slowestToken: 10,
    async start({ variant = 'happy', alwaysThinks = false, maxCalls } = {}, at?: number) {
      const port = at ?? (await freePort());
      const options = [
        ...(maxCalls === undefined ? [] : limit(maxCalls)),
        ...(alwaysThinks ? ['--chat-template', ALWAYS_THINKS] : []),
      ];
      return EngineProcess.start({
        ...engine,
        kind: name,
        model: 'Qwen/Qwen3-32B',
        url: `http://127.0.0.1:${port}`,
        command: [script, 'serve', ...options],
        env: {
          VARIANT: variant,
          SGLANG_PORT: String(port),
          MAX_MODEL_LEN: String(CONTEXT_TOKENS),
          ENGINE_API_KEY: ENGINE_KEY,
        },
      });
    },
  };
}

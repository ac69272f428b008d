// npm run valid-rate -- [options]: how many replies of an engine are valid, and how they were found valid or not.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import {
  ENGINE_KEY,
  type EngineDriver,
  type RunningEngine,
  type Variant,
} from '../contract/drivers/driver.ts';
import { freePort } from '../../scripts/free-port.ts';
import { LeashedProcess } from '../contract/drivers/leashed-process.ts';
import { sglang, vllm } from '../contract/drivers/real.ts';
import { stub } from '../contract/drivers/stub.ts';
import { hasShape, STRUCTURED_ROUTES } from '../contract/shapes.ts';

const DRIVERS: Readonly<Record<string, EngineDriver>> = { stub, sglang, vllm };
const VARIANTS: readonly string[] = ['happy', 'hostile', 'whitespace', 'endless'] satisfies Variant[];

const MAIN = resolve('dist/main.js');

const HELP = `usage: npm run valid-rate -- [options]

  --engine stub|sglang|vllm                        (stub)
  --variant happy|hostile|whitespace|endless       how its model behaves (happy)
  --calls N                                        to each of the three structured routes (20)
  --max-tokens N                                   of each call (1000)
  --concurrency N                                  calls at a time (4)
`;

const QUESTION = {
  system_prompt: 'You interview a backend developer.',
  user_prompt: 'Interviewer: How do you find a slow query?\nCandidate: I read the plan with EXPLAIN ANALYZE.',
};

interface Service {
  readonly url: string;
  /** What its counters are read with. */
  readonly authorization: string;
  readonly stop: () => Promise<void>;
}

type Route = (typeof STRUCTURED_ROUTES)[number];
type Counts = Readonly<Record<string, number>>;

const { values } = parseArgs({
  options: {
    engine: { type: 'string', default: 'stub' },
    variant: { type: 'string', default: 'happy' },
    calls: { type: 'string', default: '20' },
    'max-tokens': { type: 'string', default: '1000' },
    concurrency: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
const driver = DRIVERS[values.engine];
const [calls, maxTokens, concurrency] = [values.calls, values['max-tokens'], values.concurrency].map(Number);
if (!driver || !VARIANTS.includes(values.variant) || !calls || !maxTokens || !concurrency) {
  process.stderr.write(HELP);
  process.exit(2);
}

const engine = await driver.start({ variant: values.variant as Variant });
try {
  await measure(await startService(engine));
} finally {
  await engine.stop();
}

async function measure({ url, authorization, stop }: Service): Promise<void> {
  try {
    const rows = [];
    for (const route of STRUCTURED_ROUTES) rows.push({ route, codes: await askOften(url, route) });
    const { body } = await request(`${url}/health`, { headers: { authorization } });
    const { details } = (await body.json()) as { details: { replies: Readonly<Record<string, Counts>> } };
    print(rows, details.replies);
  } finally {
    await stop();
  }
}

/** Asks a route over and over; returns how often each code came. */
async function askOften(url: string, route: Route): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  let left = calls ?? 0;
  const ask = async (): Promise<void> => {
    while (left-- > 0) {
      const code = await askOnce(url, route);
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: concurrency ?? 0 }, ask));
  return codes;
}

async function askOnce(url: string, route: Route): Promise<string> {
  const { statusCode, body } = await request(url + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...QUESTION, max_tokens: maxTokens }),
  });
  const reply: unknown = await body.json();
  if (statusCode !== 200) return (reply as { code: string }).code;
  return hasShape(route, reply) ? 'valid' : 'NOT IN THE CONTRACT’S SHAPE';
}

/** Prints a table for the documentation: the outcomes that we saw, and the service's own counts of single replies. */
function print(
  rows: readonly { route: Route; codes: Map<string, number> }[],
  replies: Readonly<Record<string, Counts>>,
): void {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const list = (entries: Iterable<readonly [string, number]>): string =>
    [...entries].map(([what, count]) => `${what} ${count}`).join(', ') || '–';
  const OF_CALLS = ['calls', 'valid', 'failed', 're-asked'];

  process.stdout.write(
    `${values.engine}, ${values.variant} model, max_tokens ${maxTokens}, ${concurrency} calls at a time\n\n` +
      line(['route', 'calls', 'valid', '95% interval', 'errors', 'single replies']) +
      line(['---', '---', '---', '---', '---', '---']),
  );
  for (const { route, codes } of rows) {
    const task = route.replace('/api/', '').replace('/', '_');
    const single = Object.entries(replies[task] ?? {}).filter(([what]) => !OF_CALLS.includes(what));
    const errors = [...codes].filter(([code]) => code !== 'valid');
    const all = [...codes.values()].reduce((sum, count) => sum + count, 0);
    const valid = codes.get('valid') ?? 0;
    process.stdout.write(
      line([route, String(all), String(valid), interval(valid, all), list(errors), list(single)]),
    );
  }
}

/** Wilson's 95% interval of a share: it holds at 0 and 100 % too, where the usual one has no width. */
function interval(hits: number, of: number): string {
  const z2 = 1.959964 ** 2;
  const middle = (hits + z2 / 2) / (of + z2);
  const reach = Math.sqrt(z2 * ((hits * (of - hits)) / of + z2 / 4)) / (of + z2);
  const percent = (share: number): string => (100 * share).toFixed(2);
  return `${percent(middle - reach)}–${percent(middle + reach)} %`;
}

/** Starts the built service in front of the engine, in an empty folder: nothing comes from a `.env`. */
async function startService(engine: RunningEngine): Promise<Service> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const cwd = mkdtempSync(join(tmpdir(), 'valid-rate-'));
  process.once('exit', () => {
    rmSync(cwd, { recursive: true });
  });
  const service = await LeashedProcess.start({
    url,
    readyPath: '/health/ready',
    command: [process.execPath, MAIN],
    cwd,
    env: {
      APP_HOST: '127.0.0.1',
      APP_PORT: String(port),
      ENGINE: engine.kind,
      ENGINE_URLS: engine.url,
      ENGINE_API_KEY: ENGINE_KEY,
      MODEL_NAME: engine.model,
      LOG_LEVEL: 'ERROR',
    },
  });
  const [, authorization = ''] = readFileSync(join(cwd, 'data/local-key'), 'utf8').trim().split(': ');
  return { url, authorization, stop: () => service.stop() };
}

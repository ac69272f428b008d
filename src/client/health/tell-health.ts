import type { ServerHealth } from '../api/llm-client.js';
import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import type { Terminal } from '../terminal/terminal.js';
import { inTwoColumns } from '../terminal/two-columns.js';
import { visible } from '../terminal/visible.js';
import type { Text } from '../text.js';
import { withClient } from '../with-client.js';

/** A fact about a server: what it is called and what it says. */
type Fact = readonly [name: Text, says: string];

type Fields = Readonly<Record<string, unknown>>;

const ENGINE: Text = { en: 'engine', ko: '엔진' };
const MODEL: Text = { en: 'model', ko: '모델' };
const CONTEXT: Text = { en: 'context', ko: '컨텍스트' };
const STORE: Text = { en: 'database', ko: '데이터베이스' };
const NOTE: Text = { en: 'note', ko: '참고' };
const REASON: Text = { en: 'reason', ko: '이유' };

const READY: Text = { en: 'ready', ko: '준비됨' };
const NOT_READY: Text = { en: 'not ready', ko: '준비되지 않음' };

/**
 * Prints what answers at the server's address.
 * @throws ClientFault where nothing answers, or what is no such server
 */
export function tellHealth(context: Context, asJson: boolean): Promise<ExitCode> {
  const { terminal, stop } = context;
  return withClient(context, async (client) => {
    const health = await client.health(stop);
    const { root } = client;
    if (asJson) terminal.printJson({ url: root, ...health });
    else terminal.print(page(terminal, root, health));
    return health.ready ? 0 : 1;
  });
}

function page(terminal: Terminal, root: string, health: ServerHealth): string {
  const { text, colors, columns, host } = terminal;
  const facts = health.kind === 'llm-service' ? serviceFacts(health, text) : otherFacts(health);
  const state = health.ready ? colors.green(text(READY)) : colors.red(text(NOT_READY));
  const name = visible([health.name, versionOf(health)].join(' ').trim());
  const rows = facts.map(([fact, says]) => [text(fact), says] as const);
  return `${colors.bold(name)} · ${root} · ${state}\n${inTwoColumns(rows, {
    // Programs read it line by line.
    columns: host.stdout.isTTY ? columns : Infinity,
    indent: 2,
    style: colors.dim,
  })}`;
}

function serviceFacts({ reason, models, details }: ServerHealth, text: (text: Text) => string): Fact[] {
  const engine = fieldsOf(details.engine);
  const store = fieldsOf(details.store);
  const said = typeof engine.notice === 'string' && engine.notice !== reason ? engine.notice : null;
  const state = (fields: Fields): string => text(fields.ready === true ? READY : NOT_READY);
  return [
    ...(reason === null ? [] : [[REASON, reason] as const]),
    [ENGINE, `${String(engine.provider)}, ${state(engine)}`],
    ...models.map((name) => [MODEL, name] as const),
    [STORE, `${String(store.kind)}, ${state(store)}`],
    ...(said === null ? [] : [[NOTE, said] as const]),
  ];
}

function otherFacts({ reason, models, details }: ServerHealth): Fact[] {
  const tokens = details.max_model_len;
  return [
    ...(reason === null ? [] : [[REASON, reason] as const]),
    ...models.map((name) => [MODEL, name] as const),
    ...(typeof tokens === 'number' ? [[CONTEXT, tokens.toLocaleString('en')] as const] : []),
  ];
}

/** Of a service that tells it to this key. */
function versionOf({ details }: ServerHealth): string {
  const { version } = fieldsOf(details.details);
  return typeof version === 'string' ? version : '';
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

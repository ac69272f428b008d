import { CallFailed } from '../api/call-failed.js';
import type { LLMClient, StructuredEvent, StructuredTask } from '../api/llm-client.js';
import type { Context } from '../context.js';
import type { ExitCode } from '../faults/fault.js';
import { inSeconds, inTokens } from '../measures.js';
import type { Terminal } from '../terminal/terminal.js';
import { wrap } from '../terminal/text-flow.js';
import { visible } from '../terminal/visible.js';
import { showWaiting } from '../terminal/waiting.js';
import { withClient } from '../with-client.js';
import { FieldView } from './field-view.js';
import { BODY_FLAGS, type StructuredFlags } from './flags.js';
import { requestBody } from './request-body.js';
import { serviceFault } from '../faults/service-fault.js';

/** What the last event of a stream says (docs/streaming.md). */
interface Result {
  readonly reply: unknown;
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number };
  readonly call: {
    readonly id: string;
    readonly model: string;
    readonly attempts: number;
    readonly total_ms: number;
  };
}

/**
 * Asks a structured route: on a terminal fields appear as they come, else the reply is an object of JSON.
 * @throws ClientFault
 */
export async function runStructured(
  task: StructuredTask,
  context: Context,
  flags: StructuredFlags,
  file: string | undefined,
): Promise<ExitCode> {
  const { terminal, server, stop } = context;
  const body = await requestBody(flags, file, context);
  const showsFields = !flags.json && terminal.host.stdout.isTTY === true;
  const code = await withClient(
    context,
    async (client) => {
      const result = await (showsFields ? shown : quiet)(client.structured(task, body, stop), terminal);
      if (showsFields) tellCall(result, terminal);
      else terminal.printJson(result.reply);
      return 0;
    },
    (error) => serviceFault(error, server.url, BODY_FLAGS),
  );
  if (code === 130) terminal.note(terminal.text({ en: 'Interrupted.', ko: '중단됨.' }));
  return code;
}

type Events = ReturnType<LLMClient['structured']>;

async function quiet(events: Events): Promise<Result> {
  for await (const event of events) {
    if (event.name === 'result') return resultOf(event);
  }
  throw withoutResult();
}

async function shown(events: Events, terminal: Terminal): Promise<Result> {
  const view = new FieldView((text) => {
    terminal.print(text);
  }, terminal);
  const hideWaiting = showWaiting(terminal);
  try {
    for await (const event of events) {
      hideWaiting();
      if (event.name === 'result') return resultOf(event);
      show(event, view, terminal);
    }
    throw withoutResult();
  } finally {
    hideWaiting();
    view.end();
  }
}

function show({ name, data }: StructuredEvent, view: FieldView, terminal: Terminal): void {
  if (name === 'field.delta') view.delta(String(data.path), String(data.text));
  if (name === 'field.done') view.done(String(data.path), data.value);
  if (name !== 'reset') return;
  view.end();
  const attempt = Number(data.attempt);
  const reason = String(data.reason);
  const sentence = terminal.text({
    en: `↺ ${reason} What stands above is void; attempt ${attempt} follows.`,
    ko: `↺ ${reason} 위 내용은 무효이며, ${attempt}번째 시도가 이어집니다.`,
  });
  for (const row of wrap(sentence, terminal.columns)) terminal.print(`${terminal.colors.dim(row)}\n`);
}

function tellCall({ call, usage }: Result, terminal: Terminal): void {
  const { dim } = terminal.errorColors;
  const { attempts, id } = call;
  const model = visible(call.model);
  const facts = [
    model,
    terminal.text({
      en: `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
      ko: `시도 ${attempts}회`,
    }),
    inSeconds(call.total_ms / 1000, terminal.text),
    inTokens(`${usage.prompt_tokens} + ${usage.completion_tokens}`, terminal.text),
  ];
  terminal.note('');
  terminal.note(dim(facts.join(' · ')));
  const show = `npm run client -- logs show ${visible(id)}`;
  terminal.note(dim(terminal.text({ en: `Call: ${show}`, ko: `호출: ${show}` })));
}

function resultOf({ data }: StructuredEvent): Result {
  return data as unknown as Result;
}

function withoutResult(): CallFailed {
  return new CallFailed('unreachable', 'The stream ended without a result: ask again.');
}

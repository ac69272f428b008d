import type { CallFailed } from '../api/call-failed.js';
import { inOneLine, padded } from '../terminal/columns.js';
import type { Terminal } from '../terminal/terminal.js';
import { type VersionAverages, VersionStats } from './version-stats.js';

/** One call to /chat and what came of it: a reply or a fault. */
export interface ChatCall {
  readonly message: string;
  readonly version: string;
  readonly latencyMs?: number;
  readonly reply?: string;
  readonly model?: string | undefined;
  readonly tokens?: number | undefined;
  readonly fault?: CallFailed;
}

/** Columns of the table; the reply has the rest. */
const NUMBER = 4;
const VERSION = 10;
const LATENCY = 12;
const TOKENS = 8;
const GAP = '  ';
const LEAST_REPLY = 20;

/** Prints calls as they come and averages at the end. */
export class RequestsReport {
  readonly #stats = new VersionStats();
  #hasHead = false;

  constructor(
    private readonly terminal: Terminal,
    private readonly options: { readonly json: boolean },
  ) {}

  add(number: number, call: ChatCall): void {
    if (call.latencyMs === undefined) this.#stats.addFailure(call.version);
    else this.#stats.addAnswer(call.version, call.latencyMs, call.tokens);
    if (this.options.json) this.terminal.printJson(inJson(number, call));
    else this.#printRow(number, call);
  }

  /** Averages of each version. */
  end(): void {
    const { json } = this.options;
    if (json || !this.#hasHead) return;
    this.terminal.print(`\n${this.#averages()}`);
  }

  #printRow(number: number, { version, latencyMs, tokens, reply, fault }: ChatCall): void {
    const { text, colors, columns } = this.terminal;
    if (!this.#hasHead) {
      const reply = text({ en: 'reply', ko: '답' });
      this.terminal.print(
        `${colors.bold(this.#row('#', text({ en: 'version', ko: '버전' }), text({ en: 'latency', ko: '응답 시간' }), text({ en: 'tokens', ko: '토큰' }), reply))}\n`,
      );
      this.#hasHead = true;
    }
    const left = columns - this.#row('', '', '', '', '').length;
    const words = inOneLine(reply ?? '', Math.max(LEAST_REPLY, left));
    const failed = colors.red(text({ en: 'failed', ko: '실패' }));
    const latency = latencyMs === undefined ? '-' : `${latencyMs.toFixed(0)} ms`;
    this.terminal.print(
      `${this.#row(String(number), version, latency, tokens === undefined ? '-' : String(tokens), fault ? failed : words)}\n`,
    );
    if (fault) this.terminal.error(fault.message);
  }

  #row(number: string, version: string, latency: string, tokens: string, reply: string): string {
    return [
      padded(number, NUMBER, 'right'),
      padded(inOneLine(version, VERSION), VERSION),
      padded(latency, LATENCY, 'right'),
      padded(tokens, TOKENS, 'right'),
      reply,
    ].join(GAP);
  }

  #averages(): string {
    const { text, colors } = this.terminal;
    const head = [
      padded(text({ en: 'version', ko: '버전' }), VERSION),
      padded(text({ en: 'calls', ko: '요청' }), TOKENS, 'right'),
      padded(text({ en: 'failed', ko: '실패' }), TOKENS, 'right'),
      padded(text({ en: 'avg latency', ko: '평균 시간' }), LATENCY, 'right'),
      padded(text({ en: 'avg tokens', ko: '평균 토큰' }), LATENCY, 'right'),
    ].join(GAP);
    return [colors.bold(head), ...this.#stats.averages().map(averageRow), ''].join('\n');
  }
}

function averageRow({ version, answered, failed, latencyMs, tokens }: VersionAverages): string {
  return [
    padded(inOneLine(version, VERSION), VERSION),
    padded(String(answered + failed), TOKENS, 'right'),
    padded(String(failed), TOKENS, 'right'),
    padded(latencyMs === undefined ? '-' : `${latencyMs.toFixed(1)} ms`, LATENCY, 'right'),
    padded(tokens === undefined ? '-' : tokens.toFixed(1), LATENCY, 'right'),
  ].join(GAP);
}

function inJson(number: number, call: ChatCall): object {
  const { message, version, latencyMs, reply, model, tokens, fault } = call;
  return {
    number,
    message,
    prompt_version: version,
    success: fault === undefined,
    reply: reply ?? null,
    error: fault?.message ?? null,
    model: model ?? null,
    latency_ms: latencyMs ?? null,
    total_tokens: tokens ?? null,
  };
}

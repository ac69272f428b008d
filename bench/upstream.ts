import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../scripts/free-port.ts';
import { OTHER_CORE, Pinned } from './machine.ts';
import { MODELS, streamedReport, wholeStep } from './replies.ts';

/** Tokens of the report; about as many as a model needs for it in Korean. */
const REPORT_TOKENS = 200;

/** An nginx that answers every chat request with the same bytes, in SGLang's shapes; of headers too it sends what SGLang does. */
export interface StaticUpstream {
  /** Base address of the engine that answers with a whole step. */
  readonly stepUrl: string;
  /** Base address of the engine that answers with a streamed report. */
  readonly reportUrl: string;
  readonly reportTokens: number;
  stop(): Promise<void>;
}

export async function startUpstream(core = OTHER_CORE): Promise<StaticUpstream> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-service-bench-'));
  const [stepPort, reportPort] = [await freePort(), await freePort()];
  const { first, tokens, last } = streamedReport(REPORT_TOKENS);
  for (const [name, content] of [
    ['step/reply', wholeStep()],
    ['step/models', MODELS],
    ['report/reply', [first, ...tokens, last].join('')],
    ['report/models', MODELS],
  ] as const) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const server = (port: number, name: string, type: string) => `
    server {
      listen 127.0.0.1:${port};
      root ${folder}/${name};
      default_type application/json;
      location = /ready { return 200; }
      location = /v1/models { try_files /models =404; }
      location = /v1/chat/completions { error_page 405 =200 @reply; try_files /none @reply; }
      location @reply { default_type ${type}; error_page 405 =200 /reply; rewrite ^ /reply break; }
      location = /reply { default_type ${type}; }
    }`;
  const conf = `
    daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit;
    events { worker_connections 4096; }
    http {
      access_log off; keepalive_requests 10000000; keepalive_timeout 60s; client_body_buffer_size 64k;
      client_body_temp_path ${folder}; open_file_cache max=16;
      etag off; max_ranges 0; add_header Last-Modified "";
      ${server(stepPort, 'step', 'application/json')}
      ${server(reportPort, 'report', 'text/event-stream')}
    }`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, conf);
  const stepUrl = `http://127.0.0.1:${stepPort}`;
  const nginx = await Pinned.start(core, ['nginx', '-c', file, '-p', folder], `${stepUrl}/ready`);
  return {
    stepUrl,
    reportUrl: `http://127.0.0.1:${reportPort}`,
    reportTokens: REPORT_TOKENS,
    stop: async () => {
      await nginx.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

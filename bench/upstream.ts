import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../scripts/free-port.ts';
import { OTHER_CORE, Pinned } from './machine.ts';

const STEP = {
  action: 'FOLLOW_UP',
  message: '방금 말씀하신 인덱스는 어떤 기준으로 고르셨나요?',
  thought: '도구는 말했지만 기준이 없어 한 번 더 묻습니다.',
  evaluation: '실행 계획을 읽을 줄 알지만 수치로 설명하지 못했습니다.',
};

const REPORT = {
  question_feedbacks: Array.from({ length: 6 }, (_, index) => ({
    question: `질문 ${index + 1}: 느린 쿼리를 어떻게 찾고 개선하셨나요?`,
    answer_summary: '슬로우 쿼리 로그에서 모아 실행 계획을 보고 조인으로 바꿨습니다.',
    feedback: '과정이 분명하고 수치가 있습니다. 고르지 않은 방법도 말하면 더 좋습니다.',
    score: 8,
  })),
  strengths: ['문제를 수치로 좁혀 갑니다.', '고친 뒤에 다시 잽니다.'],
  improvements: ['대안을 비교하는 말이 적습니다.'],
  recommendations: ['결정마다 버린 대안을 한 문장으로 적어 보기'],
  summary: '원인을 수치로 찾고 작은 변경으로 고치는 지원자입니다. 설계의 대안을 말하는 연습이 남았습니다.',
  overall_score: 78,
};

/** Characters of a report that come with one event; about what a token of Korean text is. */
const CHARACTERS_PER_EVENT = 3;

const USAGE = { prompt_tokens: 420, total_tokens: 640, completion_tokens: 220, prompt_tokens_details: null };
const HEAD = { id: '8c30432e5d5142a5b9694cd89eb207ae', created: 1_795_165_840, model: 'Qwen/Qwen3-32B' };

function wholeStep(): string {
  const message = { role: 'assistant', content: JSON.stringify(STEP), reasoning_content: null };
  const choice = { index: 0, message, logprobs: null, finish_reason: 'stop', matched_stop: 151_645 };
  return JSON.stringify({ ...HEAD, object: 'chat.completion', choices: [choice], usage: USAGE });
}

function streamedReport(): { body: string; events: number } {
  const text = JSON.stringify(REPORT);
  const chunk = (choices: object[], more: object = {}) =>
    `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...more })}\n\n`;
  const delta = (own: object, finish: string | null = null) => [
    {
      index: 0,
      delta: { reasoning_content: null, ...own },
      logprobs: null,
      finish_reason: finish,
      matched_stop: null,
    },
  ];
  const pieces: string[] = [];
  for (let at = 0; at < text.length; at += CHARACTERS_PER_EVENT) {
    pieces.push(chunk(delta({ content: text.slice(at, at + CHARACTERS_PER_EVENT) })));
  }
  const body = [
    chunk(delta({ role: 'assistant', content: '' })),
    ...pieces,
    chunk(delta({}, 'stop')),
    chunk([], { usage: USAGE }),
    'data: [DONE]\n\n',
  ].join('');
  return { body, events: pieces.length };
}

/** An nginx that answers every chat request with the same bytes, in SGLang's shapes. */
export interface StaticUpstream {
  /** Base address of the engine that answers with a whole step. */
  readonly stepUrl: string;
  /** Base address of the engine that answers with a streamed report. */
  readonly reportUrl: string;
  readonly reportEvents: number;
  stop(): Promise<void>;
}

export async function startUpstream(): Promise<StaticUpstream> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-service-bench-'));
  const [stepPort, reportPort] = [await freePort(), await freePort()];
  const report = streamedReport();
  const models = { object: 'list', data: [{ id: HEAD.model, object: 'model', max_model_len: 32_768 }] };
  for (const [name, content] of [
    ['step/reply', wholeStep()],
    ['step/models', JSON.stringify(models)],
    ['report/reply', report.body],
    ['report/models', JSON.stringify(models)],
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
      ${server(stepPort, 'step', 'application/json')}
      ${server(reportPort, 'report', 'text/event-stream')}
    }`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, conf);
  const stepUrl = `http://127.0.0.1:${stepPort}`;
  const nginx = await Pinned.start(OTHER_CORE, ['nginx', '-c', file, '-p', folder], `${stepUrl}/ready`);
  return {
    stepUrl,
    reportUrl: `http://127.0.0.1:${reportPort}`,
    reportEvents: report.events,
    stop: async () => {
      await nginx.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

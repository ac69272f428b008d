// What the engines of the bench say, in SGLang's shapes.

const STEP = {
  action: 'FOLLOW_UP',
  message: '방금 말씀하신 인덱스는 어떤 기준으로 고르셨나요?',
  thought: '도구는 말했지만 기준이 없어 한 번 더 묻습니다.',
  evaluation: '실행 계획을 읽을 줄 알지만 수치로 설명하지 못했습니다.',
};

const QUESTION_FEEDBACK = {
  question: '느린 쿼리를 어떻게 찾고 개선하셨나요?',
  answer_summary: '슬로우 쿼리 로그에서 모아 실행 계획을 보고 조인으로 바꿨습니다.',
  feedback: '과정이 분명하고 수치가 있습니다. 고르지 않은 방법도 말하면 더 좋습니다.',
  score: 8,
};

const REPORT = JSON.stringify({
  question_feedbacks: [QUESTION_FEEDBACK, QUESTION_FEEDBACK, QUESTION_FEEDBACK],
  strengths: ['문제를 수치로 좁혀 갑니다.', '고친 뒤에 다시 잽니다.'],
  improvements: ['대안을 비교하는 말이 적습니다.'],
  recommendations: ['결정마다 버린 대안을 한 문장으로 적어 보기'],
  summary: '원인을 수치로 찾고 작은 변경으로 고치는 지원자입니다. 설계의 대안을 말하는 연습이 남았습니다.',
  overall_score: 78,
});

const USAGE = { prompt_tokens: 420, total_tokens: 640, completion_tokens: 220, prompt_tokens_details: null };
const HEAD = { id: '8c30432e5d5142a5b9694cd89eb207ae', created: 1_795_165_840, model: 'Qwen/Qwen3-32B' };

/** The engine's list of models. */
export const MODELS = JSON.stringify({
  object: 'list',
  data: [{ id: HEAD.model, object: 'model', max_model_len: 32_768 }],
});

/** A step of an interview that comes as a whole. */
export function wholeStep(): string {
  const message = { role: 'assistant', content: JSON.stringify(STEP), reasoning_content: null };
  const choice = { index: 0, message, logprobs: null, finish_reason: 'stop', matched_stop: 151_645 };
  return JSON.stringify({ ...HEAD, object: 'chat.completion', choices: [choice], usage: USAGE });
}

/** A stream by its server-sent events. */
export interface StreamedReply {
  /** Tells the role; it has no token. */
  readonly first: string;
  readonly tokens: readonly string[];
  /** Finish, usage and `[DONE]`. */
  readonly last: string;
}

/**
 * A report in so many tokens. The first reaches into the first sentence, so that it makes an event of a field too; the
 * others are equally long, three characters where there are 200.
 */
export function streamedReport(tokens: number): StreamedReply {
  const head = REPORT.indexOf(QUESTION_FEEDBACK.question) + 1;
  const cut = (index: number) => head + Math.round((index * (REPORT.length - head)) / (tokens - 1));
  const token = (content: string) => chunk(choicesOf({ content }));
  return {
    first: chunk(choicesOf({ role: 'assistant', content: '' })),
    tokens: [
      token(REPORT.slice(0, head)),
      ...Array.from({ length: tokens - 1 }, (_, index) => token(REPORT.slice(cut(index), cut(index + 1)))),
    ],
    last: chunk(choicesOf({}, 'stop')) + chunk([], { usage: USAGE }) + 'data: [DONE]\n\n',
  };
}

function chunk(choices: readonly object[], more: object = {}): string {
  return `data: ${JSON.stringify({ ...HEAD, object: 'chat.completion.chunk', choices, ...more })}\n\n`;
}

function choicesOf(delta: object, finish: string | null = null): object[] {
  return [
    {
      index: 0,
      delta: { reasoning_content: null, ...delta },
      logprobs: null,
      finish_reason: finish,
      matched_stop: null,
    },
  ];
}

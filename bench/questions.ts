/** What is asked of a route of the service. */
export interface Question {
  readonly path: string;
  readonly body: object;
}

const SYSTEM = '당신은 백엔드 개발자 면접관입니다. 한국어로 진행합니다. 준비된 질문을 순서대로 묻습니다.';
const USER =
  '면접관: 느린 쿼리를 어떻게 찾고 개선하셨나요?\n지원자: 슬로우 쿼리 로그에서 1초 넘는 쿼리를 모으고 실행 계획을 봅니다.';

const prompts = { system_prompt: SYSTEM, user_prompt: USER, interview_id: 'iv-1', turn: 1 };

const chat = {
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: USER },
  ],
};

export const step: Question = { path: '/api/interview/step', body: prompts };
export const report: Question = { path: '/api/report', body: prompts };
export const streamedReport: Question = { path: '/api/report', body: { ...prompts, stream: true } };
export const v1: Question = { path: '/v1/chat/completions', body: chat };
export const streamedV1: Question = { path: '/v1/chat/completions', body: { ...chat, stream: true } };

const INTERVIEW = {
  user_prompt:
    '면접관: 트랜잭션 격리 수준을 설명해 주세요.\n지원자: 네 가지가 있고, 저희는 READ COMMITTED를 썼습니다.',
  interview_id: 'iv-2026-0042',
  turn: 1,
};

/** A body for every question, as the documentation pages show it and as it can be sent. */
export const REQUEST_EXAMPLES: Readonly<Record<string, object>> = {
  '/api/chat/completions': {
    messages: [
      { role: 'system', content: 'You are a helpful assistant.' },
      { role: 'user', content: 'Hello!' },
    ],
    temperature: 0.7,
    max_tokens: 1000,
  },
  '/chat': { message: 'LLMOps가 뭐야?', prompt_version: 'v1' },
  '/api/chat': {
    prompt: 'Explain what LLM-Quality-Observer is in one sentence.',
    user_id: 'test-user',
    model_version: null,
  },
  '/api/feedback': {
    system_prompt: 'You judge answers of candidates for a backend position. Answer in Korean.',
    ...INTERVIEW,
    pass_mark: 6,
  },
  '/api/interview/step': {
    system_prompt: 'You are an AI interviewer for a backend position. Answer in Korean.',
    ...INTERVIEW,
  },
  '/api/report': {
    system_prompt: 'You sum up interviews for a backend position. Answer in Korean.',
    user_prompt: INTERVIEW.user_prompt,
    interview_id: INTERVIEW.interview_id,
  },
};

import type { Action, Language } from '../../examples/interview.ts';

/** What the demo itself says, in the language of the interview. */
export interface Words {
  /** Columns of the longest label and the space after it. */
  labelWidth: number;
  interviewer: string;
  candidate: string;
  feedback: string;
  step: string;
  evaluation: string;
  report: string;
  overall: string;
  summary: string;
  strengths: string;
  improvements: string;
  recommendations: string;
  followUp: string;
  passed: string;
  notPassed: string;
  startedHere: string;
  answeredBy: string;
  stubNotice: string;
  actions: Record<Action, string>;
  passMark: (mark: number) => string;
  attempts: (count: number) => string;
  total: (calls: number, seconds: number, models: string) => string;
}

export const WORDS: Record<Language, Words> = {
  ko: {
    labelWidth: 8,
    interviewer: '면접관',
    candidate: '지원자',
    feedback: '채점',
    step: '판단',
    evaluation: '평가',
    report: '면접 보고서',
    overall: '종합',
    summary: '요약',
    strengths: '강점',
    improvements: '보완',
    recommendations: '권장',
    followUp: '꼬리 질문',
    passed: '통과',
    notPassed: '미달',
    startedHere: '이 데모가 직접 띄운 서비스',
    answeredBy: '답하는 모델:',
    stubNotice: '스텁이 답합니다. 아래 말은 모델이 아니라 정해진 규칙이 쓴 것입니다.',
    actions: { FOLLOW_UP: '한 번 더 묻기', NEW_TOPIC: '다음 질문으로', NEXT_PHASE: '면접 마치기' },
    passMark: (mark) => `합격 기준 ${mark}점`,
    attempts: (count) => `${count}번 시도`,
    total: (calls, seconds, models) => `호출 ${calls}번 · ${seconds.toFixed(1)}초 · ${models}`,
  },
  en: {
    labelWidth: 13,
    interviewer: 'Interviewer',
    candidate: 'Candidate',
    feedback: 'Feedback',
    step: 'Decision',
    evaluation: 'Evaluation',
    report: 'Report',
    overall: 'Overall',
    summary: 'Summary',
    strengths: 'Strengths',
    improvements: 'To improve',
    recommendations: 'Advice',
    followUp: 'follow-up',
    passed: 'passed',
    notPassed: 'not passed',
    startedHere: 'a service this demo started',
    answeredBy: 'Answered by',
    stubNotice: 'THE STUB ANSWERS: what follows is written by fixed rules, not by a model.',
    actions: { FOLLOW_UP: 'ask once more', NEW_TOPIC: 'next question', NEXT_PHASE: 'close the interview' },
    passMark: (mark) => `pass mark ${mark}`,
    attempts: (count) => `${count} attempts`,
    total: (calls, seconds, models) => `${calls} calls · ${seconds.toFixed(1)} s · ${models}`,
  },
};

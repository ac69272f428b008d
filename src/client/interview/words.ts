import type { Text } from '../text.js';

/** What the parts of a report are called, on the screen and in the file. */
export const WORDS = {
  report: { en: 'Report', ko: '면접 보고서' },
  date: { en: 'Date', ko: '날짜' },
  interview: { en: 'Interview', ko: '면접 ID' },
  model: { en: 'Model', ko: '모델' },
  answers: { en: 'Answers', ko: '답변 수' },
  overall: { en: 'Overall score', ko: '종합 점수' },
  scores: { en: 'Scores', ko: '점수표' },
  question: { en: 'Question', ko: '질문' },
  score: { en: 'Score', ko: '점수' },
  summary: { en: 'Summary', ko: '총평' },
  strengths: { en: 'Strengths', ko: '강점' },
  improvements: { en: 'To improve', ko: '보완할 점' },
  recommendations: { en: 'Recommendations', ko: '추천 학습' },
  questions: { en: 'Question by question', ko: '질문별 평가' },
  answer: { en: 'Answer', ko: '답변 요약' },
  transcript: { en: 'Transcript', ko: '면접 기록' },
  feedback: { en: 'Feedback', ko: '피드백' },
  nextTime: { en: 'Next time', ko: '다음에는' },
  passed: { en: 'passed', ko: '통과' },
  notPassed: { en: 'not passed', ko: '미통과' },
  followUp: { en: 'follow-up', ko: '꼬리 질문' },
  noReport: { en: 'No report was written.', ko: '보고서는 작성되지 않았습니다.' },
} satisfies Record<string, Text>;

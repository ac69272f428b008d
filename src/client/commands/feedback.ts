import { structuredCommand } from '../structured/command.js';

export const feedback = structuredCommand(
  'feedback',
  {
    en: 'Asks for a judgement of one answer: feedback, score, is_passed, improvement_suggestion',
    ko: '답변 하나의 평가를 요청합니다: feedback, score, is_passed, improvement_suggestion',
  },
  {
    en: `
Examples:
  npm run client -- feedback --system "Grade." --pass-mark 6 answer.txt
  npm run client -- feedback --system @grader.txt --pass-mark 6 - < answer.txt
  npm run client -- feedback --body request.json --json | jq .score

A text that begins with @ names a file; @@ stands for a text that begins with @.`,
    ko: `
예:
  npm run client -- feedback --system "채점합니다." --pass-mark 6 answer.txt
  npm run client -- feedback --system @grader.txt --pass-mark 6 - < answer.txt
  npm run client -- feedback --body request.json --json | jq .score

@로 시작하면 파일 이름입니다. @로 시작하는 텍스트는 @@로 씁니다.`,
  },
);

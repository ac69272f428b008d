import { structuredCommand } from '../structured/command.js';

export const report = structuredCommand(
  'report',
  {
    en: 'Asks for the report of a whole interview',
    ko: '면접 전체의 보고서를 요청합니다',
  },
  {
    en: `
Examples:
  npm run client -- report --system "Write up the interview." transcript.txt
  npm run client -- report --system @s.txt --json transcript.txt > r.json
  npm run client -- report --body request.json --fields summary,overall_score

A text that begins with @ names a file; @@ stands for a text that begins with @.`,
    ko: `
예:
  npm run client -- report --system "면접 보고서를 작성합니다." transcript.txt
  npm run client -- report --system @s.txt --json transcript.txt > r.json
  npm run client -- report --body request.json --fields summary,overall_score

@로 시작하면 파일 이름입니다. @로 시작하는 텍스트는 @@로 씁니다.`,
  },
);

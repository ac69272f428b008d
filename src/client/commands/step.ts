import { structuredCommand } from '../structured/command.js';

export const step = structuredCommand(
  'step',
  {
    en: 'Asks for the next step of an interview: action, message, thought, evaluation',
    ko: '면접의 다음 단계를 요청합니다: action, message, thought, evaluation',
  },
  {
    en: `
Examples:
  npm run client -- step --system "You interview." transcript.txt
  npm run client -- step --system @rules.txt --prompt "Candidate: Yes."
  npm run client -- step --body request.json --json | jq -r .message

A text that begins with @ names a file; @@ stands for a text that begins with @.`,
    ko: `
예:
  npm run client -- step --system "백엔드 개발자를 면접합니다." transcript.txt
  npm run client -- step --system @rules.txt --prompt "지원자: 네."
  npm run client -- step --body request.json --json | jq -r .message

@로 시작하면 파일 이름입니다. @로 시작하는 텍스트는 @@로 씁니다.`,
  },
);

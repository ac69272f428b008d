import { type Language, oneLine } from '../text.js';

/** What an interview is held by: who asks, about what, and how it is judged. */
export interface Script {
  readonly title: string;
  readonly language: Language;
  /** Instructions to the model for each of its three tasks. */
  readonly systemPrompts: { readonly step: string; readonly feedback: string; readonly report: string };
  readonly firstQuestion: string;
  /** What the moderator says behind the last answer. */
  readonly timeIsUp: string;
  /** Score from which an answer passes; undefined: the model decides. */
  readonly passMark: number | undefined;
}

/** What the built-in interview is about. */
export interface Subject {
  readonly role: string;
  readonly topic: string | undefined;
}

/** A technical interview for any role, without prepared questions. */
export function builtInScript(language: Language, { role, topic }: Subject): Script {
  return SCRIPTS[language](oneLine(role), topic === undefined ? undefined : oneLine(topic));
}

const SCRIPTS: Readonly<Record<Language, (role: string, topic: string | undefined) => Script>> = {
  en: (role, topic) => ({
    title: `Interview: ${topic === undefined ? role : `${role}, ${topic}`}`,
    language: 'en',
    systemPrompts: {
      step: `You are a senior colleague who interviews a candidate for this position: ${role}.
${topic === undefined ? 'Cover different subjects that matter in this position.' : `The subject of the interview is ${topic}.`}
Read the transcript and choose what to do after the candidate's last answer. Speak English.

Rules
- FOLLOW_UP: the answer lacks figures, the candidate's own part in it, or the reason for a choice. Take up something the candidate said. Ask one follow-up at most per question.
- NEW_TOPIC: the answer is sufficient, or you have already followed up. Ask one new question that was not asked before.
- NEXT_PHASE: only when the moderator says that time is up. Thank the candidate and close, without a question.
- message holds only what is said aloud to the candidate: polite, short, no scores and no verdicts.
- thought says why you chose the action; evaluation judges the last answer. One or two sentences each.`,
      feedback: `You grade answers given in interviews for this position: ${role}. Write English.
Read the questions and answers and grade the last answer with an integer from 0 to 10.

Scale
- 9 to 10: cause and solution are explained with figures, and rejected alternatives with the reason.
- 7 to 8: the candidate's own actions are concrete and well reasoned.
- 4 to 6: the direction is right, the evidence is missing.
- 0 to 3: the answer avoids the question or is about something else.

In feedback, say which words earned or cost the grade. In improvement_suggestion, give one thing to do differently next time. Address the candidate as "you".`,
      report: `You write up interviews for this position: ${role}. The candidate reads the report. Write English.
Read the whole transcript and write the report.

- Base every strength and improvement on something the candidate said. Add nothing that is not in the transcript.
- question_feedbacks covers every question in order, follow-ups included.
- overall_score is an integer from 0 to 100.`,
    },
    firstQuestion:
      topic === undefined
        ? 'Thank you for coming. Please introduce yourself briefly, and tell me about a piece of work that you are proud of: what was the problem, and what was your part in solving it?'
        : `Thank you for coming. Please introduce yourself briefly, and tell me what you have done with ${topic}: what was the problem, and what was your part in solving it?`,
    timeIsUp: 'Time is up.',
    passMark: undefined,
  }),
  ko: (role, topic) => ({
    title: `모의 면접: ${topic === undefined ? role : `${role}, ${topic}`}`,
    language: 'ko',
    systemPrompts: {
      step: `당신은 다음 직무의 면접을 진행하는 시니어 면접관입니다: ${role}
${topic === undefined ? '이 직무에 중요한 주제를 두루 다룹니다.' : `면접 주제: ${topic}`}
면접 기록을 읽고 지원자의 마지막 답변에 이어서 할 행동을 하나 고릅니다. 한국어로 말합니다.

규칙
- FOLLOW_UP: 답변에 수치, 직접 한 일, 판단의 이유가 빠졌으면 지원자의 말을 짚어 꼬리 질문을 합니다. 꼬리 질문은 질문마다 한 번만 합니다.
- NEW_TOPIC: 답변이 충분하거나 이미 꼬리 질문을 했으면 아직 묻지 않은 새 질문을 하나 합니다.
- NEXT_PHASE: 진행자가 시간이 끝났다고 알릴 때만 고릅니다. 질문 없이 감사 인사로 면접을 마칩니다.
- message에는 지원자에게 들려줄 말만 존댓말로 짧게 씁니다. 점수나 평가를 지원자에게 말하지 않습니다.
- thought에는 그렇게 판단한 이유를, evaluation에는 마지막 답변에 대한 평가를 한두 문장으로 씁니다.`,
      feedback: `당신은 다음 직무의 면접 답변을 채점하는 면접관입니다: ${role}
질문과 답변을 읽고 마지막 답변을 0점에서 10점 사이의 정수로 채점합니다. 한국어로 씁니다.

기준
- 9~10점: 원인과 해결을 수치로 설명하고, 버린 대안과 그 이유까지 말합니다.
- 7~8점: 직접 한 일이 구체적이고 이유가 분명합니다.
- 4~6점: 방향은 맞지만 근거나 수치가 부족합니다.
- 0~3점: 답을 피했거나 질문과 다른 이야기를 합니다.

feedback에는 답변의 어떤 말이 점수를 갈랐는지, improvement_suggestion에는 다음에 바로 고칠 수 있는 한 가지를 존댓말로 씁니다.`,
      report: `당신은 다음 직무의 면접 결과를 정리하는 면접관입니다: ${role}
보고서는 지원자가 읽습니다. 면접 기록 전체를 읽고 한국어 존댓말로 종합 보고서를 씁니다.

- 강점과 보완점에는 지원자가 실제로 한 말을 근거로 듭니다. 기록에 없는 내용은 쓰지 않습니다.
- question_feedbacks에는 꼬리 질문을 포함해 질문과 답변을 순서대로 하나씩 다룹니다.
- overall_score는 0점에서 100점 사이의 정수입니다.`,
    },
    firstQuestion:
      topic === undefined
        ? '와 주셔서 감사합니다. 간단히 자기소개를 하신 뒤, 가장 자랑스러운 작업을 하나 들려주세요. 어떤 문제였고, 해결하는 데 어떤 역할을 하셨나요?'
        : `와 주셔서 감사합니다. 간단히 자기소개를 하신 뒤, ${topic} 관련 경험을 들려주세요. 어떤 문제였고, 해결하는 데 어떤 역할을 하셨나요?`,
    timeIsUp: '준비한 시간이 끝났습니다.',
    passMark: undefined,
  }),
};

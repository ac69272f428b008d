import type { Step } from './decide-step.js';
import { EXCELLENT_SCORE, type Gap, type Judgement } from './judge-answer.js';
import type { Phrases } from './phrases.js';
import { clip } from './text.js';

const SHORTEST_QUOTE = 8;

/** Unicode has the syllables in the order of their finals, of which the first is none. */
const FIRST_SYLLABLE = 0xac00;
const FINALS = 28;
const CHAT_QUOTE = 60;

const GAPS: Record<Gap, string> = {
  evasive: '질문을 피하지 않는 답',
  figures: '수치',
  reasons: '판단의 이유',
  length: '충분한 설명',
  relevance: '질문에 맞는 내용',
};

// Other words of the prompt stand where no particle depends on their last sound: before 에 대해, 질문, 같은.
export const KOREAN: Phrases = {
  defaultQuestions: [
    '최근에 맡으신 일 가운데 가장 어려웠던 문제와, 그 문제를 어떻게 풀어 가셨는지 말씀해 주세요.',
    '동료와 의견이 갈렸던 기술적인 결정을 하나 꼽아서, 어떻게 합의하셨는지 들려주세요.',
    '다시 만든다면 다르게 하고 싶은 설계가 있으신가요? 그 이유도 함께 말씀해 주세요.',
  ],
  leadIns: {
    good: [
      '네, 자세히 말씀해 주셔서 감사합니다. 다음 질문 드리겠습니다.',
      '말씀하신 상황이 잘 그려집니다. 이어서 다른 질문 드릴게요.',
    ],
    thin: [
      '네, 잘 들었습니다. 그럼 다음 질문으로 넘어가겠습니다.',
      '알겠습니다. 이어서 다음 질문 드리겠습니다.',
    ],
    evasive: [
      '네, 괜찮습니다. 그럼 다른 주제로 넘어가 보겠습니다.',
      '괜찮습니다. 이번에는 다른 이야기를 여쭤보겠습니다.',
    ],
  },
  improvements: {
    evasive: '모르는 부분은 솔직하게 밝히되, 무엇부터 확인하고 어떻게 알아볼지까지 이어서 말해 보세요.',
    figures:
      '전후 수치를 하나씩 붙여 보세요. 몇 건이 얼마나 걸리다가 얼마로 줄었는지만 있어도 설득력이 달라집니다.',
    reasons: '그 방법을 고른 이유와 버린 대안을 한 문장씩 더해 보세요.',
    length: '상황, 직접 한 일, 결과의 순서로 세 문장 이상 말해 보세요.',
    relevance: '질문에 나온 말로 먼저 답한 다음에 경험을 덧붙여 보세요.',
    none: '근거는 충분합니다. 결론을 첫 문장에 두면 더 또렷하게 들립니다.',
  },
  recommendations: {
    evasive: '직접 다뤄 보지 못한 주제는 장애 사례를 찾아 읽고, 나라면 무엇부터 할지 정리해 보기',
    figures: '지난 프로젝트에서 전후를 비교할 수 있는 수치를 세 가지씩 정리해 두기',
    reasons: '주요 결정마다 검토한 대안과 선택한 이유를 한 문장으로 적어 보기',
    length: '경험 하나를 상황, 행동, 결과로 나누어 1분 동안 말하는 연습하기',
    relevance: '질문을 한 번 되짚고 나서 답을 시작하는 연습하기',
    none: '지금처럼 근거를 들되, 결론부터 말하는 연습하기',
  },
  noStrength: '모든 질문에 끝까지 응했습니다.',
  noImprovement: '뚜렷하게 부족한 점은 없었습니다. 결론을 먼저 말하면 더 잘 전달됩니다.',

  nameTopic(topic) {
    return topic === undefined ? '이 주제' : `‘${topic}’`;
  },

  followUp({ judgement, topic, quote }) {
    if (judgement.quality === 'evasive') {
      return `괜찮습니다. 직접 해 보신 일이 아니어도 좋습니다. ${topic} 이야기로 돌아가서, 오늘 이 일을 맡으신다면 무엇부터 확인하시겠어요?`;
    }
    const opening =
      quote.length < SHORTEST_QUOTE
        ? `${topic}에 대해 조금 더 여쭙겠습니다.`
        : `방금 ${quoted(quote)}라고 하셨는데요,`;
    return judgement.figures.length === 0
      ? `${opening} 어떤 상황이었고 전후로 수치가 얼마나 달라졌는지 들려주시겠어요?`
      : `${opening} 왜 그 방법을 고르셨고 어떤 대안을 버리셨는지 들려주시겠어요?`;
  },

  closing(isTimeUp) {
    return isTimeUp
      ? '네, 말씀 감사합니다. 약속한 시간이 다 되어 오늘 면접은 여기서 마치겠습니다. 결과는 정리되는 대로 안내해 드리겠습니다. 수고 많으셨습니다.'
      : '네, 준비한 질문은 여기까지입니다. 경험을 자세히 나눠 주셔서 감사합니다. 다음 순서로 안내해 드리겠습니다.';
  },

  thought({ judgement }, step) {
    return `(내장 스텁의 규칙) ${finding(judgement)} ${reasonFor(step)}`;
  },

  evaluation({ judgement, topic }) {
    const { score, quality, evasion } = judgement;
    if (quality === 'evasive')
      return `“${evasion ?? ''}” 같은 말로 답을 피해, ${topic}에 대한 경험을 확인하지 못했습니다.`;
    if (quality === 'thin')
      return `방향은 짐작되지만 직접 한 일인지 알기 어렵습니다(부족한 점: ${lacking(judgement)}).`;
    if (score >= EXCELLENT_SCORE)
      return `${topic}에 대해 원인부터 결과까지 ${evidence(judgement)} 설명했고, 판단의 이유도 분명합니다.`;
    return `${topic}에 대한 답을 ${evidence(judgement)} 뒷받침했습니다. 대안과의 비교는 더 듣고 싶습니다.`;
  },

  feedback({ judgement, topic, quote }) {
    const { score, quality } = judgement;
    if (quality === 'evasive')
      return `${topic}에 대해 아는 범위를 솔직하게 말해 주셨지만, 그다음에 어떻게 풀어 갈지는 듣지 못했습니다.`;
    if (quality === 'thin')
      return quote.length < SHORTEST_QUOTE
        ? `${topic}에 대한 답이 짧아 판단하기 어렵습니다(부족한 점: ${lacking(judgement)}).`
        : `${quoted(quote)}라는 말씀은 알겠지만, 그렇게 볼 근거가 부족합니다(부족한 점: ${lacking(judgement)}).`;
    if (score >= EXCELLENT_SCORE)
      return `${topic}에 대해 ${evidence(judgement)} 상황을 그려 주셨고, 왜 그렇게 했는지까지 분명해서 믿음이 갑니다.`;
    return `${topic}에 대해 ${evidence(judgement)} 직접 한 일을 보여 주셨습니다. 다른 방법과 견주는 말이 더해지면 좋겠습니다.`;
  },

  strength({ judgement, topic }) {
    return judgement.score >= EXCELLENT_SCORE
      ? `${topic} 질문에서 원인과 결과를 ${evidence(judgement)} 설명함`
      : `${topic} 질문에서 직접 한 일을 ${evidence(judgement)} 뒷받침함`;
  },

  improvement({ judgement, topic }) {
    return judgement.quality === 'evasive'
      ? `${topic} 질문에서 답을 피하고 풀어 갈 방법을 제시하지 못함`
      : `${topic} 질문의 답변에 근거가 부족함(${lacking(judgement)})`;
  },

  summary(assessments) {
    const good = assessments.filter(({ judgement }) => judgement.quality === 'good');
    const [best] = assessments.toSorted((a, b) => b.judgement.score - a.judgement.score);
    const counts = countsOf(assessments.length, good.length);
    const highlight = best && good.length > 0 ? ` 가장 좋은 답변은 ${best.topic}에 대한 것이었습니다.` : '';
    return `${counts}${highlight} (모델이 아니라 내장 스텁이 규칙으로 쓴 요약입니다.)`;
  },

  chat(message) {
    const heard =
      message === '' ? '아직 아무 말씀도 없으셨네요.' : `${quoted(clip(message, CHAT_QUOTE))}라고 하셨네요.`;
    return `${heard} 저는 모델이 아니라 이 서비스에 내장된 스텁이라, 정해진 규칙으로만 답합니다. 모델의 답을 들으시려면 모델이 있는 엔진에 연결해 주세요.`;
  },

  sample(name) {
    return `내장 스텁이 채운 값(${name})`;
  },
};

function countsOf(all: number, good: number): string {
  const answers = all === 1 ? '답변이' : `답변 ${all}개가 모두`;
  if (good === all) return `${answers} 구체적이었습니다.`;
  if (good === 0)
    return all === 1 ? '답변의 근거가 부족했습니다.' : `답변 ${all}개 모두 근거가 부족했습니다.`;
  return `답변 ${all}개 가운데 ${good}개는 구체적이었고 ${all - good}개는 근거가 부족했습니다.`;
}

/** A quotation, to be followed by 라고 or 라는. */
function quoted(words: string): string {
  return `“${words}”${endsInConsonant(words) ? '이' : ''}`;
}

/** Whether the last letter is a Hangul syllable with a final consonant; how other letters sound is not known. */
function endsInConsonant(words: string): boolean {
  const last =
    words
      .normalize('NFC')
      .match(/[\p{L}\p{N}]/gu)
      ?.at(-1) ?? '';
  return /[가-힣]/.test(last) && (last.charCodeAt(0) - FIRST_SYLLABLE) % FINALS !== 0;
}

function finding(judgement: Judgement): string {
  const { quality, evasion, figures, length } = judgement;
  if (quality === 'evasive') return `“${evasion ?? ''}” 같은 피하는 말이 있고 근거가 부족합니다.`;
  if (quality === 'thin') return `답변이 ${length}자이고 부족한 점이 있습니다(${lacking(judgement)}).`;
  return figures.length > 0
    ? `답변이 ${length}자이고 수치가 ${figures.length}개 있어(${someOf(figures)}) 충분합니다.`
    : `답변이 ${length}자이고 이유를 밝혀 충분합니다.`;
}

function reasonFor(step: Step): string {
  switch (step.action) {
    case 'FOLLOW_UP':
      return '이 질문에는 아직 꼬리 질문을 하지 않았으므로 한 번 더 묻습니다.';
    case 'NEW_TOPIC':
      return step.isFollowUpSpent
        ? '꼬리 질문은 이미 했으므로 준비된 다음 질문으로 넘어갑니다.'
        : '준비된 다음 질문으로 넘어갑니다.';
    case 'NEXT_PHASE':
      return step.isTimeUp ? '시간이 끝나서 면접을 마칩니다.' : '준비된 질문을 모두 물어서 면접을 마칩니다.';
  }
}

function evidence({ figures }: Judgement): string {
  return figures.length > 0 ? `${someOf(figures)} 같은 수치로` : '구체적인 설명으로';
}

function lacking({ gaps }: Judgement): string {
  return gaps.length > 0 ? gaps.map((gap) => GAPS[gap]).join(', ') : '설명의 깊이';
}

function someOf(figures: string[]): string {
  return figures.slice(0, 3).join(', ');
}

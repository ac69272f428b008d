import type { Step } from './decide-step.js';
import { EXCELLENT_SCORE, type Gap, type Judgement } from './judge-answer.js';
import type { Phrases } from './phrases.js';
import { clip } from './text.js';

const SHORTEST_QUOTE = 12;
const CHAT_QUOTE = 80;

const GAPS: Record<Gap, string> = {
  evasive: 'a direct answer',
  figures: 'figures',
  reasons: 'the reasons for the choice',
  length: 'detail',
  relevance: 'a link to the question',
};

export const ENGLISH: Phrases = {
  defaultQuestions: [
    'What was the hardest problem in your recent work, and how did you go about it?',
    'Tell me about a technical decision your team disagreed on. How did you settle it?',
    'Which of your designs would you do differently today, and why?',
  ],
  leadIns: {
    good: ['Thank you for taking me through that.', 'Thanks, I can picture that. On to something different.'],
    thin: ["All right, thank you. Let's move on.", 'Okay, thank you. Here is my next question.'],
    evasive: [
      "That's fine. Let's turn to something else.",
      "That's all right. Let me ask about something different.",
    ],
  },
  improvements: {
    evasive:
      'Say openly what you do not know, then go on to what you would check first and how you would find out.',
    figures: 'Add a figure from before and one from after: how many, how long, and down to what.',
    reasons: 'Add one sentence on why you chose this, and one on what you decided against.',
    length: 'Give it three sentences at least: the situation, what you did yourself, and what came of it.',
    relevance: 'Answer the question in its own words first, and bring in your experience after that.',
    none: 'The evidence is there. Open with the conclusion and it will land sooner.',
  },
  recommendations: {
    evasive:
      'Read a post-mortem on each subject you have not worked with, and decide what you would do first',
    figures: 'Collect three before-and-after figures from each recent project',
    reasons: 'Write down, for each larger decision, the alternatives and the reason in a sentence',
    length: 'Practise telling one experience in a minute: situation, action, result',
    relevance: 'Practise restating the question before answering it',
    none: 'Keep giving evidence, and practise opening with the conclusion',
  },
  noStrength: 'Stayed with every question to the end.',
  noImprovement: 'No clear weakness; leading with the conclusion would help.',

  nameTopic(topic) {
    return topic === undefined ? 'this subject' : `“${topic}”`;
  },

  followUp({ judgement, topic, quote }) {
    if (judgement.quality === 'evasive') {
      return `That's all right, it needn't be something you have done. Coming back to ${topic}: if this landed on your desk today, what would you check first?`;
    }
    const opening =
      quote.length < SHORTEST_QUOTE
        ? `I'd like to hear a little more about ${topic}.`
        : `You said, “${quote}”.`;
    return judgement.figures.length === 0
      ? `${opening} Could you take me through a real case, with the numbers before and after?`
      : `${opening} What made you choose that, and what did you decide against?`;
  },

  closing(isTimeUp) {
    return isTimeUp
      ? "Thank you. That is all the time we have, so we'll stop here. You will hear from us once the notes are written up. It was good talking to you."
      : "Those were all my questions. Thank you for taking me through your work; we'll go on to the next part now.";
  },

  thought({ judgement }, step) {
    return `(Rule of the built-in stub) ${finding(judgement)} ${reasonFor(step)}`;
  },

  evaluation({ judgement, topic }) {
    const { score, quality, evasion } = judgement;
    if (quality === 'evasive')
      return `Avoided the question (“${evasion ?? ''}”); no experience with ${topic} came through.`;
    if (quality === 'thin')
      return `Points the right way, but it is hard to tell what was the candidate's own work. Missing: ${lacking(judgement)}.`;
    if (score >= EXCELLENT_SCORE)
      return `Explained ${topic} from cause to outcome with ${evidence(judgement)}, and gave clear reasons.`;
    return `Backed the answer on ${topic} with ${evidence(judgement)}. The alternatives could be weighed further.`;
  },

  feedback({ judgement, topic, quote }) {
    const { score, quality } = judgement;
    if (quality === 'evasive')
      return `You were open about the limits of what you know on ${topic}, but how you would go on from there did not come up.`;
    if (quality === 'thin')
      return quote.length < SHORTEST_QUOTE
        ? `The answer on ${topic} is too short to go by. Missing: ${lacking(judgement)}.`
        : `Your point, “${quote}”, is understandable but stands without evidence. Missing: ${lacking(judgement)}.`;
    if (score >= EXCELLENT_SCORE)
      return `You made ${topic} concrete with ${evidence(judgement)}, and said why you did what you did. That is convincing.`;
    return `You showed your own part in ${topic} with ${evidence(judgement)}. Weighing what you decided against would make it stronger.`;
  },

  strength({ judgement, topic }) {
    return judgement.score >= EXCELLENT_SCORE
      ? `On ${topic}, explained cause and outcome with ${evidence(judgement)}`
      : `On ${topic}, backed the work done with ${evidence(judgement)}`;
  },

  improvement({ judgement, topic }) {
    return judgement.quality === 'evasive'
      ? `On ${topic}, avoided the question and offered no way forward`
      : `On ${topic}, evidence was missing: ${lacking(judgement)}`;
  },

  summary(assessments) {
    const good = assessments.filter(({ judgement }) => judgement.quality === 'good');
    const [best] = assessments.toSorted((a, b) => b.judgement.score - a.judgement.score);
    const counts =
      good.length === assessments.length
        ? `Every answer was concrete (${assessments.length} in all).`
        : good.length === 0
          ? 'No answer was concrete; evidence was missing.'
          : `${good.length} of ${assessments.length} answers were concrete; the others lacked evidence.`;
    const highlight = best && good.length > 0 ? ` The strongest answer was on ${best.topic}.` : '';
    return `${counts}${highlight} (Written by rule by the built-in stub, not by a model.)`;
  },

  chat(message) {
    const heard =
      message === '' ? 'You have not said anything yet.' : `You said: “${clip(message, CHAT_QUOTE)}”`;
    return `${heard} I am the stub built into this service, not a model, and I answer by fixed rules. For a model's answer, connect the service to an engine that has one.`;
  },

  sample(name) {
    return `Sample value of the built-in stub (${name})`;
  },
};

function finding(judgement: Judgement): string {
  const { quality, evasion, figures, length } = judgement;
  if (quality === 'evasive')
    return `The answer avoids the question (“${evasion ?? ''}”) and gives too little evidence.`;
  if (quality === 'thin') return `The answer has ${length} characters and lacks ${lacking(judgement)}.`;
  return figures.length > 0
    ? `The answer has ${length} characters and ${figures.length} figures (${someOf(figures)}), which is enough.`
    : `The answer has ${length} characters and gives reasons, which is enough.`;
}

function reasonFor(step: Step): string {
  switch (step.action) {
    case 'FOLLOW_UP':
      return 'This question has had no follow-up yet, so ask once more.';
    case 'NEW_TOPIC':
      return step.isFollowUpSpent
        ? 'The follow-up has been used, so go on to the next prepared question.'
        : 'Go on to the next prepared question.';
    case 'NEXT_PHASE':
      return step.isTimeUp
        ? 'Time is up, so close the interview.'
        : 'Every prepared question has been asked, so close the interview.';
  }
}

function evidence({ figures }: Judgement): string {
  return figures.length > 0 ? `figures such as ${someOf(figures)}` : 'specifics';
}

function lacking({ gaps }: Judgement): string {
  return gaps.length > 0 ? new Intl.ListFormat('en').format(gaps.map((gap) => GAPS[gap])) : 'depth';
}

function someOf(figures: string[]): string {
  return figures.slice(0, 3).join(', ');
}

import type { Language } from './read-interview.js';

/** The words by which the rules recognise what an answer says, and what a question is about. */
interface Lexicon {
  /** A number with its unit. Digits inside a term, such as `p99` or `N+1`, are no figures. */
  figure: RegExp;
  /** Words that give a reason, a comparison or a trade-off. */
  reason: RegExp;
  evasion: RegExp;
  /** Words that say nothing of what a question is about. */
  stopWords: ReadonlySet<string>;
}

const NUMBER = String.raw`(?<![\p{L}\d+.,])\d{1,12}(?:[.,]\d{1,6}){0,4}`;
const SHARED_UNITS = '%|ms|[kmg]b|x';

export const LEXICON: Record<Language, Lexicon> = {
  ko: {
    figure: new RegExp(
      `${NUMBER}(?:만 ?|천 ?|억 ?)?(?:퍼센트|밀리초|초|분|시간|일|주|개월|년|개|건|번|배|대|명|행|원|회|${SHARED_UNITS})?`,
      'giu',
    ),
    reason:
      /때문|그래서|대신|반면|왜냐하면|덕분|판단|기준|타협|감수|비교|보다는|원인|이유|검토|하긴 한데|하긴 해도/g,
    evasion:
      /(?:글쎄|모르겠|잘 모르|잘은 모르|기억이 (?:잘 )?(?:안|나지)|(?:해 ?본|고민해 본|써 ?본|생각해 본) (?:적은|적이|건) (?:없|아니)|담당(?:하시는)? ?(?:분|자)[이가] 따로)[가-힣]{0,8}/g,
    stopWords: new Set(
      '질문 말씀 경험 사례 하나 직접 실제 실제로 어떻게 어떤 무엇 무엇을 만약 본인 때 것 수 점 중 등 그 이 저 좀 더 순간 같은 다시 한꺼번에 계속 자주 기준으로 생각'.split(
        ' ',
      ),
    ),
  },
  en: {
    figure: new RegExp(
      `${NUMBER}(?: ?(?:${SHARED_UNITS}|percent|milliseconds?|seconds?|minutes?|hours?|days?|weeks?|months?|years?|times|rows|requests|events|queries|users|pods|people|million|thousand)\\b|%)?`,
      'giu',
    ),
    reason:
      /\bbecause\b|\binstead\b|\brather than\b|\btrade-?offs?\b|\bso that\b|\bsince\b|\btherefore\b|\bcosts?\b|\bwhich is why\b|\bcompared\b|\bturned out\b|\bjustify\b|\bwould have meant\b|\blesson\b/gi,
    evasion:
      /\bnot (?:really |entirely |too |quite )?sure\b|\b(?:don't|do not|can't|cannot) (?:really |quite )?(?:know|remember|recall)\b|\bno idea\b|\bnever (?:really )?(?:got to|had to|did|thought|worked)\b|\bhard to say\b/gi,
    stopWords: new Set(
      'about after afterwards also always because been before being both changed could does done each ever every explain faster find from going happens have having into just keep keeps know last led like made million make many more most much must neither never next often other over please question read running same sends should some something such suddenly tell than that their them then there these they thing things think this those through time times walk want were what when where which while will with within without would years your'.split(
        ' ',
      ),
    ),
  },
};

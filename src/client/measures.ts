import type { Text } from './text.js';

/** How long something took: 0.02 s. */
export function inSeconds(seconds: number, text: (text: Text) => string): string {
  const number = seconds.toFixed(2);
  return text({ en: `${number} s`, ko: `${number}초` });
}

/** How long an answer is: 54 tokens. */
export function inTokens(tokens: number | string, text: (text: Text) => string): string {
  return text({ en: `${tokens} tokens`, ko: `토큰 ${tokens}개` });
}

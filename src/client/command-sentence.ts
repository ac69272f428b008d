/** What commander says of a command line, and what to do about it. */
const WAYS_OUT: readonly (readonly [saying: RegExp, wayOut: string])[] = [
  [/^option '.*' argument missing$/s, 'write it behind the flag'],
  [/^missing required argument /, '--help shows where it goes'],
  [/^option '.*' cannot be used with option '.*'$/s, 'leave one of the two out'],
  [/^too many arguments/, 'leave out what is too much, and put quotes around a text with blanks'],
  [/^unknown (option|command) [^\n]*$/, '--help lists what there is'],
];

/** What commander says of a command line, and what to do about it. */
export function commandSentence(message: string): string {
  const said = saidBy(message);
  return asSentence(said, WAYS_OUT.find(([pattern]) => pattern.test(said))?.[1]);
}

/** What commander says of a line typed within a command, where flags and quotes mean nothing. */
export function typedLineSentence(message: string): string {
  return asSentence(saidBy(message), undefined);
}

function saidBy(message: string): string {
  return message.trim().replace(/^error: /, '');
}

/** Commander begins what it says with a small word, ends it anywhere, and guesses in brackets on a line of its own. */
function asSentence(said: string, wayOut: string | undefined): string {
  const [, saying = said, guess] = /^(.*)\n\((Did you mean .*\?)\)$/s.exec(said) ?? [];
  const whole = wayOut === undefined ? saying : `${saying.replace(/\.$/, '')}: ${wayOut}.`;
  const sentence = /[.?!]$/.test(whole) ? whole : `${whole}.`;
  const begun = sentence.charAt(0).toUpperCase() + sentence.slice(1);
  return guess === undefined ? begun : `${begun} ${guess}`;
}

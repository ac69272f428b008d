import { quoted, sentence } from './server-words.js';

/** What LLM Service finds wrong in one field of a request. */
export interface WrongField {
  /** JSON pointer to it; empty for the whole request. */
  readonly path: string;
  readonly message: string;
}

/** Fields of a request by name, and what a caller knows them by, such as flags. */
export type NamesOfFields = Readonly<Record<string, string>>;

/** Fields that are told one by one. */
const MAX_TOLD = 5;

/** How a message begins that leaves it to the path what it is about. */
const WITHOUT_SUBJECT = /^(must|needs)\b/;

/** What is wrong, a sentence for each field. */
export function wrongFieldSentences(fields: readonly WrongField[], names: NamesOfFields = {}): string {
  const sentences = [...new Set(fields.map((field) => sentenceOf(field, names)))];
  const more = sentences.length - MAX_TOLD;
  return [
    ...sentences.slice(0, MAX_TOLD),
    ...(more > 0 ? [`${more} more ${more === 1 ? 'field is' : 'fields are'} wrong.`] : []),
  ].join(' ');
}

/** Puts names for JSON pointers, and for fields that nobody would take for a word. */
export function withNames(text: string, names: NamesOfFields): string {
  return Object.entries(names).reduce(
    (told, [field, name]) =>
      told.replaceAll(new RegExp(`(?<![\\w/-])${field.includes('_') ? '/?' : '/'}${field}\\b`, 'g'), name),
    text,
  );
}

function sentenceOf({ path, message }: WrongField, names: NamesOfFields): string {
  const parts = path.split('/').slice(1);
  const [field = ''] = parts;
  const name = Object.hasOwn(names, field) ? names[field] : undefined;
  const subject = name ?? parts.join('/');
  const own = `${parts.at(-1) ?? ''} `;
  const beginsWithOwn = subject !== '' && message.startsWith(own);
  const rest = withComparedNames(quoted(beginsWithOwn ? message.slice(own.length) : message), names);
  const needsSubject = beginsWithOwn || (subject !== '' && WITHOUT_SUBJECT.test(message));
  const said = needsSubject ? `${subject} ${rest}` : rest;
  return sentence(name === undefined ? said : said.replaceAll(/(?<![\w/])\/(?=\w)/g, ''));
}

/** In "must be later than from" the last word is a field too. */
function withComparedNames(text: string, names: NamesOfFields): string {
  return withNames(text, names).replaceAll(/(?<=\b(?:than|before) )\w+/g, (word) =>
    Object.hasOwn(names, word) ? (names[word] ?? word) : word,
  );
}

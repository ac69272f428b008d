/** Languages that the client speaks: its help, its questions and its summaries. Errors are English, as the service's are. */
export const LANGUAGES = ['en', 'ko'] as const;
export type Language = (typeof LANGUAGES)[number];

/** The same text in each of them. */
export type Text = Readonly<Record<Language, string>>;

/** A text with single blanks for its line breaks and whatever else is blank. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** What a spreadsheet may take for a formula: the first characters that OWASP's page on CSV injection lists. */
const FORMULA = String.raw`[=+\-@\t\r\n＝＋－＠]`;

/** A text that begins so gets an apostrophe. One that looks guarded already gets one too, or it would lose its own. */
const NEEDS_GUARD = new RegExp(`^'*${FORMULA}`);

const GUARDED = new RegExp(`^'+${FORMULA}`);

/** Makes a text harmless for Excel, LibreOffice and Sheets; `withoutGuard` gives it back as it was. */
export function guardFormula(text: string): string {
  return NEEDS_GUARD.test(text) ? `'${text}` : text;
}

/** Takes the apostrophe away that `guardFormula` put before a text. */
export function withoutGuard(text: string): string {
  return GUARDED.test(text) ? text.slice(1) : text;
}

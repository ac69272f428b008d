import { restoreMarks } from '../../src/text/chat-marks.js';
import { mapTexts } from '../../src/text/text-filters.js';

/** `restoreMarks` for every text in a JSON value; keys stay as they are. */
export function restoreMarksIn<T>(value: T, options: { readonly thinking: boolean }): T {
  return mapTexts(value, '', (text) => restoreMarks(text, options));
}

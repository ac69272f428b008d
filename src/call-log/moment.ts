const DATE = String.raw`\d{4}-\d{2}-\d{2}`;
const TIME = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?`;
const ZONE = String.raw`Z|[+-]\d{2}:\d{2}`;
const MOMENT = new RegExp(`^(${DATE})(?:T(${TIME})(${ZONE})?)?$`, 'i');

/**
 * Reads a date or a date-time of ISO 8601. Without a zone it is UTC; a date alone is its first moment. Milliseconds
 * are kept, what is finer is not.
 * @returns nothing for what is none, or no day of the calendar
 */
export function momentOf(text: string): Date | undefined {
  // A plus that is not written as %2B arrives as a space.
  const [, date, time = '00:00', zone = 'Z'] = MOMENT.exec(text.replace(' ', '+')) ?? [];
  if (date === undefined || !isDay(date)) return undefined;
  const moment = new Date(`${date}T${time}${zone}`.toUpperCase());
  return Number.isNaN(moment.getTime()) ? undefined : moment;
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const midnight = new Date(`${date}T00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
}

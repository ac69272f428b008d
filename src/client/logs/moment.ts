import { InvalidArgumentError } from 'commander';

const DATE = String.raw`\d{4}-\d{2}-\d{2}`;
const TIME = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?`;
const ZONE = String.raw`Z|[+-]\d{2}:\d{2}`;
const MOMENT = new RegExp(`^(${DATE})(?:[T ](${TIME})(${ZONE})?)?$`, 'i');

/** So long ago, such as 90m. */
const AGO = /^(\d{1,5})([mhd])$/;
const MINUTES: Readonly<Record<string, number>> = { m: 1, h: 60, d: 1440 };

/**
 * Reads `--from` and `--to`: a date or date-time of ISO 8601, which without a zone is this machine's time as in the
 * lists that are printed, or how long ago it was.
 * @returns the moment in UTC, as the service takes it
 */
export function moment(text: string): string {
  const found = ago(text) ?? calendarMoment(text);
  if (found && !Number.isNaN(found.getTime())) return found.toISOString();
  throw new InvalidArgumentError(
    'It must be a date or time like 2026-11-21 or 2026-11-21T09:30, or how long ago it was like 90m, 24h or 7d.',
  );
}

function ago(text: string): Date | undefined {
  const [, count, unit = ''] = AGO.exec(text) ?? [];
  if (count === undefined) return undefined;
  return new Date(Date.now() - Number(count) * (MINUTES[unit] ?? 0) * 60_000);
}

function calendarMoment(text: string): Date | undefined {
  const [, date, time = '00:00', zone = ''] = MOMENT.exec(text) ?? [];
  if (date === undefined || !isDay(date)) return undefined;
  return new Date(`${date}T${time}${zone}`.toUpperCase());
}

/** JavaScript takes the 30th of February for the 2nd of March. */
function isDay(date: string): boolean {
  const midnight = new Date(`${date}T00:00Z`);
  return !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(date);
}

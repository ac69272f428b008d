/** Milliseconds of a day; UTC has no other ones. */
const DAY_MS = 86_400_000;

/** Days after today that are made ahead: a database that nobody tends for a week still has a table for every day. */
const DAYS_AHEAD = 7;

const NAME = /^calls_(\d{4})(\d\d)(\d\d)$/;

/** The first id of a day and the first one after it. */
export interface PartitionBounds {
  readonly from: string;
  readonly to: string;
}

/** The first moment of a UTC day, `days` after the one that a moment lies in. */
export function dayOf(moment: Date, days = 0): Date {
  return new Date((Math.floor(moment.getTime() / DAY_MS) + days) * DAY_MS);
}

/** Today and the days that are made ahead. */
export function daysToMake(now: Date): Date[] {
  return Array.from({ length: DAYS_AHEAD + 1 }, (_, days) => dayOf(now, days));
}

/** The oldest day of which something is still to be kept; every day before it is older as a whole. */
export function oldestKeptDay(now: Date, retentionDays: number): Date {
  return dayOf(now, -retentionDays);
}

/** What the table with the calls of a day is called: `calls_20261121`. */
export function partitionName(day: Date): string {
  return `calls_${day.toISOString().slice(0, 10).replaceAll('-', '')}`;
}

/** The day whose calls a table holds; nothing for a table of another kind. */
export function dayOfPartition(name: string): Date | undefined {
  const [, year, month, date] = NAME.exec(name) ?? [];
  if (year === undefined) return undefined;
  const day = new Date(`${year}-${month}-${date}T00:00:00Z`);
  return Number.isNaN(day.getTime()) ? undefined : day;
}

/** Which ids belong to a day. */
export function partitionBounds(day: Date): PartitionBounds {
  return { from: firstId(day), to: firstId(dayOf(day, 1)) };
}

/** The lowest id of a moment: 48 bits of milliseconds (RFC 9562, section 5.7), and nothing behind them. */
export function firstId(moment: Date): string {
  const hex = moment.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

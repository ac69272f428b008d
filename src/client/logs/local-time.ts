const MS_PER_MINUTE = 60_000;

/** A moment in this machine's time: 2026-11-21 23:07:32.754. */
export function localTime(moment: Date): string {
  const local = new Date(moment.getTime() - moment.getTimezoneOffset() * MS_PER_MINUTE);
  return local.toISOString().slice(0, 23).replace('T', ' ');
}

/** A moment in eleven columns: the time of today, day and minute of other days. */
export function shortTime(moment: Date, now: Date): string {
  const [day = '', time = ''] = localTime(moment).split(' ');
  const isToday = localTime(now).startsWith(day);
  return isToday ? time.slice(0, 8) : `${day.slice(5)} ${time.slice(0, 5)}`;
}

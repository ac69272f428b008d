/** Milliseconds to two places; the clock has more of them than anybody measures. */
export function hundredths(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 100) / 100;
}

/** Milliseconds as the log line shows them. */
export function tenths(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 10) / 10;
}

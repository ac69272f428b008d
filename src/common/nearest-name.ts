/** Changes by which a name may differ from the one that was meant. */
const MAX_CHANGES = 2;

/** The known name that an unknown one was probably meant to be: `maxTokens` is `max_tokens`, `temprature` is `temperature`. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const plain = plainOf(name);
  const [nearest] = known
    .filter((one) => Math.abs(plainOf(one).length - plain.length) <= MAX_CHANGES)
    .map((one) => ({ one, distance: changes(plain, plainOf(one)) }))
    .filter(({ one, distance }) => distance <= Math.min(MAX_CHANGES, one.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return nearest?.one;
}

function plainOf(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase();
}

/** Levenshtein's distance: characters to insert, remove or replace. */
function changes(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let at = 1; at <= from.length; at++) {
    const next = [at];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (row[column - 1] ?? 0) + (from[at - 1] === to[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[column] ?? 0) + 1, (next[column - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

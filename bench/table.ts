/** Prints a table in Markdown, as docs/bench.md has it. The first cell of each row is its name. */
export function printTable(
  title: string,
  columns: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): void {
  console.log(`\n${title}\n`);
  for (const row of [['', ...columns], ['', ...columns].map(() => '---'), ...rows]) {
    console.log(`| ${row.join(' | ')} |`);
  }
}

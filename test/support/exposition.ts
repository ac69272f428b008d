/** One family of an exposition: what is said of it, and its samples in order. */
interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

/** One line with a number. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABEL = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"`;
const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN`;
const HELP_LINE = new RegExp(`^# HELP (${NAME}) (.+)$`);
const TYPE_LINE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`);
const SAMPLE_LINE = new RegExp(`^(${NAME})(?:\\{(${LABEL}(?:,${LABEL})*)\\})? (${NUMBER})$`);

/**
 * Reads Prometheus' text format, and takes no liberty: a family has its HELP, its TYPE and then all its samples, each
 * once; a histogram's buckets grow up to its count.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * @returns the families by name
 */
export function parseExposition(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('The last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let help: RegExpExecArray | undefined;
  let current: [name: string, family: Family] | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const helpLine = HELP_LINE.exec(line);
    const typeLine = TYPE_LINE.exec(line);
    if (helpLine) {
      help = helpLine;
    } else if (typeLine) {
      const [, name = '', type = ''] = typeLine;
      if (help?.[1] !== name) throw new Error(`TYPE without HELP: ${line}`);
      if (families.has(name)) throw new Error(`A family twice: ${name}`);
      current = [name, { help: help[2] ?? '', type, samples: [] }];
      families.set(...current);
      help = undefined;
    } else {
      const sample = readSample(line);
      const key = keyOf(sample);
      if (!current || !belongs(sample, ...current)) throw new Error(`A sample of another family: ${line}`);
      if (seen.has(key)) throw new Error(`A sample twice: ${line}`);
      seen.add(key);
      current[1].samples.push(sample);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkBuckets(name, family);
  return families;
}

/** A sample's name and labels, as one would write them. */
export function keyOf({ name, labels }: Sample): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.sort().join(',')}}`;
}

function readSample(line: string): Sample {
  const match = SAMPLE_LINE.exec(line);
  if (!match) throw new Error(`Not a sample: ${line}`);
  const [, name = '', list = '', number = ''] = match;
  const labels: Record<string, string> = {};
  for (const [pair] of list.matchAll(new RegExp(LABEL, 'g'))) {
    const label = pair.slice(0, pair.indexOf('='));
    if (label in labels) throw new Error(`A label twice: ${line}`);
    labels[label] = pair
      .slice(label.length + 2, -1)
      .replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return { name, labels, value: Number(number.replace('Inf', 'Infinity')) };
}

function belongs({ name, labels }: Sample, family: string, { type }: Family): boolean {
  if (type !== 'histogram') return name === family;
  if (name === `${family}_bucket`) return 'le' in labels;
  return name === `${family}_sum` || name === `${family}_count`;
}

function checkBuckets(family: string, { samples }: Family): void {
  const series = Map.groupBy(samples, ({ name, labels: { le: _, ...labels } }) =>
    keyOf({ name: name.replace(/_(bucket|sum|count)$/, ''), labels, value: 0 }),
  );
  for (const [key, those] of series) {
    const buckets = those.filter(({ labels }) => 'le' in labels);
    const bounds = buckets.map(({ labels }) => Number(labels.le?.replace('Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    const count = those.find(({ name }) => name === `${family}_count`)?.value;
    const grow = (numbers: number[]): boolean =>
      numbers.every((one, at) => at === 0 || one >= (numbers[at - 1] ?? 0));
    if (!grow(bounds) || bounds.at(-1) !== Infinity) throw new Error(`Bounds do not grow to +Inf: ${key}`);
    if (!grow(counts) || counts.at(-1) !== count) throw new Error(`Buckets do not grow to the count: ${key}`);
  }
}

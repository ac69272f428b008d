import type { Terminal } from '../terminal/terminal.js';
import { TextFlow } from '../terminal/text-flow.js';
import { visible } from '../terminal/visible.js';

/** What is shown of a text or a list with nothing in it. */
const NOTHING = '–';

/** Columns before a field's text. */
const INDENT = '  ';

const BULLET = '• ';

/** What stands before a field that is inside another: its place in the rows, and its name there. */
interface Lead {
  readonly mark: string;
  readonly label: string;
}

/** Shows the fields of an object on a terminal while they come, each under its name. */
export class FieldView {
  /** The field that came last. */
  #path: readonly string[] = [];
  #lead: Lead = { mark: '', label: '' };
  #flow: TextFlow | undefined;

  /** @param write a piece of the screen */
  constructor(
    private readonly write: (text: string) => void,
    private readonly screen: Pick<Terminal, 'columns' | 'colors'>,
  ) {}

  /** The next characters of a text. `path` is a JSON pointer, such as /strengths/0. */
  delta(path: string, text: string): void {
    this.#open(path);
    if (text !== '') this.#begun().write(text);
  }

  /** A field with its whole value; a text that came before is shown already. */
  done(path: string, value: unknown): void {
    this.#open(path);
    if (!this.#flow) {
      if (typeof value === 'string' && value !== '') this.#begun().write(value);
      else this.write(`${this.#lead.mark}${this.#lead.label}${this.#shown(value)}\n`);
    }
    this.#endText();
  }

  /** A whole object, or what stands at a path of one. */
  show(value: unknown, path = ''): void {
    if (typeof value !== 'object' || value === null || isEmpty(value)) {
      this.done(path, value);
      return;
    }
    for (const [name, inner] of Object.entries(value)) this.show(inner, `${path}/${escaped(name)}`);
  }

  /** Ends what is on the screen; the next field begins anew. */
  end(): void {
    this.#endText();
    this.#path = [];
  }

  #endText(): void {
    this.#flow?.end();
    this.#flow = undefined;
  }

  #open(pointer: string): void {
    const path = segmentsOf(pointer);
    const shared = sharedLength(path, this.#path);
    if (shared === path.length && shared === this.#path.length) return;
    this.#endText();
    this.#path = path;
    const [name = '', ...inner] = path;
    if (shared === 0) this.write(`${this.screen.colors.bold(visible(name))}\n`);
    this.#lead = leadOf(inner, shared - 1);
  }

  #begun(): TextFlow {
    if (this.#flow) return this.#flow;
    const { mark, label } = this.#lead;
    this.#flow = new TextFlow({
      columns: this.screen.columns,
      indent: mark.length,
      mark,
      write: this.write,
    });
    this.#flow.write(label);
    return this.#flow;
  }

  #shown(value: unknown): string {
    const { green, red, bold, yellow } = this.screen.colors;
    if (value === true) return green('true');
    if (value === false) return red('false');
    if (typeof value === 'number') return bold(yellow(String(value)));
    return value === '' || Array.isArray(value) ? NOTHING : visible(JSON.stringify(value));
  }
}

/** @param known how many of the names are on the screen already */
function leadOf(names: readonly string[], known: number): Lead {
  let mark = INDENT;
  let label = '';
  for (const [depth, name] of names.entries()) {
    if (!/^\d+$/.test(name)) {
      label += `${visible(name)}: `;
      continue;
    }
    const own = depth === names.length - 1 ? BULLET : `${Number(name) + 1}. `;
    mark += depth < known ? ' '.repeat(own.length) : own;
  }
  return { mark, label };
}

function isEmpty(value: object): boolean {
  return Object.keys(value).length === 0;
}

function escaped(segment: string): string {
  return segment.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** The parts of a JSON pointer (RFC 6901). */
function segmentsOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((segment, index) => segment !== b[index]);
  return at < 0 ? a.length : at;
}

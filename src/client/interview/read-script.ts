import { readFileSync } from 'node:fs';
import type { Script } from './script.js';
import { wrongUse } from '../faults/fault.js';
import { fileSentence } from '../faults/file-sentence.js';
import { BadPrompts } from '../prompts/bad-prompts.js';
import { parseJson } from '../prompts/parse-json.js';
import { LANGUAGES, oneLine } from '../text.js';

type Fields = Readonly<Record<string, unknown>>;

const MODEL_FILE = 'Write it as examples/interview.en.json is written.';

/**
 * Reads an interview of one's own: JSON in the form of examples/interview.en.json. What only a played interview needs,
 * such as the candidate's answers, is left aside.
 * @throws ClientFault the file cannot be read, or is no interview
 */
export function readScript(path: string): Script {
  const source = new Source(path);
  const { title, questions, language, ...rest } = source.object(parsed(path), 'the file');
  const prompts = source.object(rest.system_prompts, 'system_prompts');
  const listed = source.questions(questions);
  const known = LANGUAGES.find((one) => one === language);
  if (known === undefined) throw source.fault('language', 'must be "en" or "ko"');
  return {
    title: source.text(title, 'title'),
    language: known,
    systemPrompts: {
      step: [source.text(prompts.step, 'system_prompts.step'), ...numbered(listed)].join('\n'),
      feedback: source.text(prompts.feedback, 'system_prompts.feedback'),
      report: source.text(prompts.report, 'system_prompts.report'),
    },
    firstQuestion: listed[0],
    timeIsUp: source.text(rest.time_is_up, 'time_is_up'),
    passMark: source.passMark(rest.pass_mark),
  };
}

function parsed(path: string): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
    return parseJson(text, { line: 1, column: 1 });
  } catch (error) {
    throw wrongUse(`--file ${path}${whatIsWrong(error)}`, { cause: error });
  }
}

/** Goes behind the file's name. */
function whatIsWrong(error: unknown): string {
  if (error instanceof BadPrompts) return `${error.message} ${MODEL_FILE}`;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return ': it is not UTF-8. Save it as UTF-8.';
  return `: ${fileSentence(error) ?? message}`;
}

function numbered(questions: readonly string[]): string[] {
  return questions.map((question, index) => `${index + 1}. ${oneLine(question)}`);
}

/** Takes fields out of a file, and names those that are wrong. */
class Source {
  constructor(private readonly path: string) {}

  object(value: unknown, name: string): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
    throw this.fault(name, 'must be an object');
  }

  /** A text, or its lines. */
  text(value: unknown, name: string): string {
    const text = Array.isArray(value) ? value.map((line) => this.#line(line, name)).join('\n') : value;
    if (typeof text === 'string' && text.trim() !== '') return text;
    throw this.fault(name, 'must be a text, or a list of its lines');
  }

  questions(value: unknown): readonly [string, ...string[]] {
    const entries: unknown[] = Array.isArray(value) ? value : [];
    const [first, ...rest] = entries.map((entry, index) => {
      const name = `questions[${index}]`;
      return this.text(typeof entry === 'string' ? entry : this.object(entry, name).question, name);
    });
    if (first === undefined) throw this.fault('questions', 'must be a list of at least one question');
    return [first, ...rest];
  }

  passMark(value: unknown): number | undefined {
    if (value === undefined || value === null) return undefined;
    if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 10) return value as number;
    throw this.fault('pass_mark', 'must be a whole number from 0 to 10');
  }

  fault(name: string, what: string): Error {
    return wrongUse(`--file ${this.path}: ${name} ${what}. ${MODEL_FILE}`);
  }

  #line(line: unknown, name: string): string {
    if (typeof line === 'string') return line;
    throw this.fault(name, 'must be a text, or a list of its lines');
  }
}

import { randomUUID } from 'node:crypto';
import { parseArgs, styleText } from 'node:util';
import {
  feedbackPrompts,
  firstTurn,
  type Interview,
  loadInterview,
  nextTurn,
  reportPrompts,
  stepPrompts,
  type Turn,
} from '../examples/interview.ts';
import { CallFailed, Client, type Reply } from './demo/client.ts';
import { Screen } from './demo/screen.ts';
import { findService } from './demo/service.ts';
import { COLUMNS, wrap } from './demo/terminal.ts';

const TURNS = 6;

const HELP = `Plays an example interview through the LLM Service and prints it.

  node scripts/demo.ts [--lang ko|en] [--url URL]

  --lang ko|en   which interview to play (ko)
  --url URL      which service to call; else LLM_SERVICE_URL, else
                 http://127.0.0.1:8000 if it answers, else one is started
                 with your settings (needs npm run build)

  LLM_SERVICE_API_KEY is sent as the bearer token, where it is set.
`;

interface Options {
  language: 'ko' | 'en';
  url: string | undefined;
}

// A process that a signal ends runs no exit handlers, and one of them stops the service we may have started.
process.once('SIGINT', () => process.exit(130));
process.once('SIGTERM', () => process.exit(143));
process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(args);
  } catch (error) {
    complain(describe(error));
    return 2;
  }
  if (options === undefined) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    await demonstrate(options);
    return 0;
  } catch (error) {
    complain(describe(error));
    return 1;
  }
}

/** Undefined when help is asked for. */
function readOptions(args: string[]): Options | undefined {
  const { values } = parseArgs({
    args,
    options: {
      lang: { type: 'string', default: 'ko' },
      url: { type: 'string', default: process.env.LLM_SERVICE_URL },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return undefined;
  const { lang, url } = values;
  if (lang !== 'ko' && lang !== 'en') throw new Error(`--lang is ko or en, not ${lang}.`);
  if (url !== undefined && !/^https?:/.test(URL.parse(url)?.protocol ?? '')) {
    throw new Error(`${url} is no http or https URL.`);
  }
  return { language: lang, url };
}

async function demonstrate({ language, url }: Options): Promise<void> {
  const service = await findService(url);
  try {
    const interview = loadInterview(language);
    const screen = new Screen(language, (text) => process.stdout.write(text));
    screen.opening(interview, service);
    await play(interview, new Client(service.url, process.env.LLM_SERVICE_API_KEY), screen);
  } finally {
    await service.stop();
  }
}

async function play(interview: Interview, client: Client, screen: Screen): Promise<void> {
  const startedAt = performance.now();
  const ids = { interview_id: `demo-${randomUUID()}` };
  const turns: Turn[] = [];
  const replies: Reply<unknown>[] = [];
  for (let turn: Turn | undefined = firstTurn(interview); turn !== undefined && turns.length < TURNS;) {
    turns.push(turn);
    const number = turns.length;
    screen.turn(turn, number, interview);
    const [feedback, step] = await Promise.all([
      client.feedback({
        ...feedbackPrompts(interview, turns),
        ...ids,
        turn: number,
        pass_mark: interview.pass_mark,
      }),
      client.step({ ...stepPrompts(interview, turns, number === TURNS), ...ids, turn: number }),
    ]);
    if (replies.length === 0) screen.engine(step);
    replies.push(feedback, step);
    screen.feedback(feedback);
    screen.step(step);
    turn = nextTurn(interview, turn, step.body);
    if (turn === undefined || number === TURNS) screen.closing(step.body.message);
  }
  const report = await client.report({ ...reportPrompts(interview, turns), ...ids });
  screen.report(report);
  screen.end([...replies, report], (performance.now() - startedAt) / 1000);
}

function describe(error: unknown): string {
  if (!(error instanceof CallFailed)) return error instanceof Error ? error.message : String(error);
  const { title, detail, code, request_id: requestId, errors } = error.problem;
  const facts = [code && `code ${code}`, requestId && `request ${requestId}`].filter(Boolean).join(', ');
  return [title, detail, ...(errors ?? []).map((error) => JSON.stringify(error)), facts]
    .filter(Boolean)
    .join('\n');
}

function complain(message: string): void {
  const lines = message.split('\n').flatMap((line) => wrap(line, COLUMNS));
  process.stderr.write(`${styleText('red', lines.join('\n'), { stream: process.stderr })}\n`);
}

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '../src/client/api/generation.js';
import type { StubServer } from '../src/engine/stub/stub-server.js';
import { runClientHere, startOddServer } from './support/client.js';
import { HAS_PTY, KEYS, NO_PTY, Pty } from './support/pty.js';
import { startStub } from './support/service.js';

const FAMILY = '👨‍👩‍👧';

/** What has a terminal mark pasted texts, and no longer. */
const PASTE_MARKS_ON = '\u001b[?2004h';
const PASTE_MARKS_OFF = '\u001b[?2004l';

/** What a request says, as the engine got it. */
interface Asked {
  readonly messages: readonly Message[];
  readonly model: string;
  readonly temperature?: number;
}

let stub: StubServer;
let home: string;

beforeEach(async () => {
  stub = await startStub();
  home = mkdtempSync(join(tmpdir(), 'llm-service-chat-'));
});

afterEach(() => {
  rmSync(home, { recursive: true });
});

function asked(): Asked[] {
  return stub.requests.map(({ body }) => body as Asked);
}

function lastMessages(): readonly Message[] {
  return asked().at(-1)?.messages ?? [];
}

describe('a chat through a pipe', () => {
  const chat = (stdin: string, ...flags: string[]) =>
    runClientHere(['chat', '--url', stub.url, ...flags], { stdin });

  it('answers every line on standard output and says nothing else', async () => {
    stub.script({ kind: 'reply', content: '첫 답' }, { kind: 'reply', content: 'second\nanswer' });
    expect(await chat('하나\n\ntwo\n')).toEqual({ code: 0, stdout: '첫 답\nsecond\nanswer\n', stderr: '' });
  });

  it('remembers what was said', async () => {
    stub.script({ kind: 'reply', content: 'Hello Mina' });
    await chat('I am Mina\nWho am I?\n', '--system', 'Be brief.');
    expect(lastMessages()).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'I am Mina' },
      { role: 'assistant', content: 'Hello Mina' },
      { role: 'user', content: 'Who am I?' },
    ]);
  });

  it('takes a line for a message whatever it begins with', async () => {
    await chat('/exit\n"""\n');
    expect(asked().map(({ messages }) => messages.at(-1)?.content)).toEqual(['/exit', '"""']);
  });

  it('sends the settings of its flags', async () => {
    await chat('a\n', '--model', 'qwen', '--temperature', '0.5', '--max-tokens', '7');
    expect(asked()[0]).toMatchObject({ model: 'qwen', temperature: 0.5, max_tokens: 7 });
  });

  it('is what --interactive means', async () => {
    stub.script({ kind: 'reply', content: 'yes' });
    const run = await runClientHere(['--interactive', '--url', stub.url], { stdin: 'a\n' });
    expect(run).toMatchObject({ code: 0, stdout: 'yes\n' });
  });

  it('ends with 130 when it is interrupted before a server has answered', async () => {
    const stop = new AbortController();
    const url = await startOddServer(() => {
      stop.abort();
    });
    const run = await runClientHere(['chat', '--url', url], { stdin: 'a\n', stop: stop.signal });
    expect(run.code).toBe(130);
  });

  it('goes on behind a call that failed, and ends with 1', async () => {
    stub.script({ kind: 'status', status: 500 }, { kind: 'reply', content: 'here' });
    const run = await chat('a\nb\n', '--retries', '0');
    expect(run).toMatchObject({ code: 1, stdout: 'here\n' });
    expect(run.stderr).toContain(stub.url);
    expect(lastMessages()).toEqual([{ role: 'user', content: 'b' }]);
  });

  it('says first that no server is there', async () => {
    const { url } = stub;
    await stub.close();
    const run = await runClientHere(['chat', '--url', url], { stdin: 'a\n' });
    expect(run).toMatchObject({ code: 3, stdout: '' });
    expect(run.stderr).toMatch(/does not answer.*--url/);
  });

  it('ends with 130 when it is interrupted', async () => {
    stub.script({ kind: 'stall', after: 'half' });
    const stop = new AbortController();
    const run = await runClientHere(['chat', '--url', stub.url], {
      stdin: 'a\nb\n',
      stop: stop.signal,
      onOutput: () => {
        stop.abort();
      },
    });
    expect(run.code).toBe(130);
    expect(asked()).toHaveLength(1);
  });
});

(HAS_PTY ? describe : describe.skip)(`a chat in a terminal${NO_PTY}`, () => {
  async function open(...flags: string[]): Promise<Pty> {
    return openWith({}, ...flags);
  }

  async function openWith(env: Record<string, string>, ...flags: string[]): Promise<Pty> {
    return opened(
      Pty.start(['chat', '--url', stub.url, ...flags], { env: { HOME: home, ...env }, cwd: home }),
    );
  }

  async function openAsJob(): Promise<Pty> {
    return opened(Pty.start(['chat', '--url', stub.url], { env: { HOME: home }, cwd: home, isJob: true }));
  }

  async function opened(pty: Pty): Promise<Pty> {
    await pty.until('to ask', () => pty.cursor.line === '>');
    return pty;
  }

  /** Sends a line, and waits until its answer is there and the next one is asked for. */
  async function say(pty: Pty, keys: string, answer: string): Promise<void> {
    stub.script({ kind: 'reply', content: answer });
    pty.type(keys + KEYS.enter);
    await pty.shows(new RegExp(`^${answer}\\n.* s · \\d+ tokens\\n\\n>$`, 'm'));
  }

  it('shows what answers, the answer, and what it cost', async () => {
    const pty = await open();
    await say(pty, 'Hello', 'Good day');
    expect(pty.screen).toMatch(/^\S+ · http:\S+\n\/help for commands, Ctrl-D to leave\n\n/);
    expect(pty.screen).toMatch(/> Hello\nGood day\n[\d.]+ s · \d+ tokens\n\n>$/);
  });

  it('puts the cursor behind wide characters, and deletes them whole', async () => {
    const pty = await open();
    pty.type('한국어');
    await pty.until('to show it', () => pty.cursor.line === '> 한국어');
    expect(pty.cursor.column).toBe(8);
    pty.type(KEYS.left + KEYS.backspace);
    await pty.until('to delete', () => pty.cursor.line === '> 한어');
    expect(pty.cursor.column).toBe(4);
    pty.type(KEYS.home + KEYS.delete + KEYS.end + '!');
    await pty.until('to move', () => pty.cursor.line === '> 어!');
    expect(pty.cursor.column).toBe(5);
  });

  it('goes on at the next row where a wide character has no room at the 80th column', async () => {
    const pty = await open();
    pty.type(`a${'가'.repeat(39)}`);
    await pty.until('to wrap', () => pty.cursor.line === '  가');
    expect(pty.cursor.column).toBe(4);
    pty.type(KEYS.ctrl('a') + KEYS.delete);
    await pty.until('to move up', () => pty.cursor.line === `> ${'가'.repeat(39)}`);
    expect(pty.screen.endsWith(`> ${'가'.repeat(39)}`)).toBe(true);
  });

  it('sends jamo as syllables, and a family of emoji as one character', async () => {
    const pty = await open();
    await say(pty, `${'한글'.normalize('NFD')}x${FAMILY}${KEYS.left}${KEYS.backspace}`, 'ok');
    expect(lastMessages().at(-1)?.content).toBe(`한글${FAMILY}`);
  });

  it.each([
    ['a backslash at its end', `one\\${KEYS.enter}two`],
    ['a block', `"""${KEYS.enter}one${KEYS.enter}two"""`],
    ['Ctrl-J', 'one\ntwo'],
    ['Alt-Enter', `one${KEYS.altEnter}two`],
    ['a paste', KEYS.pasted('one\rtwo')],
  ])('takes a line with %s as part of one message', async (_name, keys) => {
    const pty = await open();
    await say(pty, keys, 'both');
    expect(asked().map(({ messages }) => messages.at(-1)?.content)).toEqual(['one\ntwo']);
  });

  it('keeps backslashes of a pasted text', async () => {
    const pty = await open();
    await say(pty, KEYS.pasted('curl \\\r  -s\r'), 'ok');
    expect(lastMessages().at(-1)?.content).toBe('curl \\\n  -s');
  });

  it('stops an answer and not the chat at Ctrl-C, and keeps what was said', async () => {
    stub.script({ kind: 'stall', after: 'tokens', content: 'The first half' });
    const pty = await open();
    pty.type(`Tell me${KEYS.enter}`);
    await pty.shows('The first');
    pty.type(KEYS.ctrl('c'));
    await pty.shows(/The first half\nstopped\n\n>$/);
    await say(pty, 'Go on', 'second half');
    expect(lastMessages().slice(0, 2)).toEqual([
      { role: 'user', content: 'Tell me' },
      { role: 'assistant', content: 'The first half' },
    ]);
  });

  it('keeps what was typed ahead when an answer is stopped', async () => {
    stub.script({ kind: 'stall', after: 'tokens', content: 'The first half' });
    const pty = await open();
    pty.type(`Tell me${KEYS.enter}`);
    await pty.shows('The first');
    pty.type(`next${KEYS.ctrl('c')}`);
    await pty.shows(/stopped\n\n> next$/);
  });

  it('says at Ctrl-C how to leave, and leaves at the second', async () => {
    const pty = await open();
    pty.type(`half${KEYS.ctrl('c')}`);
    await pty.shows(/> half\^C\n>$/);
    pty.type(KEYS.ctrl('c'));
    await pty.shows(/Ctrl-C again leaves/);
    pty.type(KEYS.ctrl('c'));
    expect(await pty.ended()).toBe(0);
  });

  it('leaves at Ctrl-D and gives the terminal back as it was', async () => {
    const pty = await open();
    pty.type(KEYS.ctrl('d'));
    expect(await pty.ended()).toBe(0);
    expect(pty.raw.lastIndexOf(PASTE_MARKS_OFF)).toBeGreaterThan(pty.raw.lastIndexOf(PASTE_MARKS_ON));
  });

  it('is stopped by Ctrl-Z, and goes on with what was typed', async () => {
    const pty = await openAsJob();
    pty.type(`한 줄${KEYS.left}${KEYS.ctrl('z')}`);
    await pty.shows(/> 한 줄\^Z\n[^]*Stopped/);
    expect(pty.raw.lastIndexOf(PASTE_MARKS_OFF)).toBeGreaterThan(pty.raw.lastIndexOf(PASTE_MARKS_ON));
    pty.type(KEYS.enter);
    await pty.until('to go on', () => pty.cursor.line === '> 한 줄' && pty.cursor.column === 5);
    await say(pty, '두 ', 'ok');
    expect(lastMessages()).toEqual([{ role: 'user', content: '한 두 줄' }]);
  });

  it('is stopped by Ctrl-Z in the middle of an answer too', async () => {
    stub.script({ kind: 'stall', after: 'tokens', content: 'The first half' });
    const pty = await openAsJob();
    pty.type(`Tell me${KEYS.enter}`);
    await pty.shows('The first');
    pty.type(KEYS.ctrl('z'));
    await pty.shows('Stopped');
    const stopped = pty.raw.length;
    pty.type(KEYS.enter);
    await pty.until('to take the terminal over', () => pty.raw.includes(PASTE_MARKS_ON, stopped));
    pty.type(KEYS.ctrl('c'));
    await pty.shows(/stopped\n\n>$/);
  });

  it('goes on at Ctrl-Z where no shell could wake it', async () => {
    const pty = await open();
    pty.type(`half${KEYS.ctrl('z')}`);
    await pty.shows(/> half\^Z\n> half$/);
  });

  it('keeps what is typed while an answer comes for the next message', async () => {
    stub.script({ kind: 'reply', content: 'slow answer', tokenDelayMs: 30 });
    const pty = await open();
    pty.type(`one${KEYS.enter}two`);
    await pty.shows(/slow answer\n.*\n\n> two$/);
  });

  it('brings back messages of the session before, several lines at once', async () => {
    const first = await open();
    await say(first, KEYS.pasted('one\rtwo'), 'ok');
    first.type(KEYS.ctrl('d'));
    await first.ended();
    expect(statSync(join(home, '.local/state/llm-service/history.jsonl')).mode & 0o777).toBe(0o600);

    const second = await open();
    second.type(KEYS.up);
    await second.shows(/> one\n {2}two$/);
  });

  it('comes back from the messages before to what was being typed', async () => {
    const pty = await open();
    await say(pty, 'old', 'ok');
    pty.type(`new${KEYS.up}`);
    await pty.until('to recall', () => pty.cursor.line === '> old');
    pty.type(KEYS.down);
    await pty.until('to come back', () => pty.cursor.line === '> new');
  });

  it('keeps no history where LLM_SERVICE_HISTORY is empty', async () => {
    const pty = await openWith({ LLM_SERVICE_HISTORY: '' });
    await say(pty, 'secret', 'ok');
    expect(existsSync(join(home, '.local'))).toBe(false);
  });

  it('keeps the history where XDG_STATE_HOME says', async () => {
    const pty = await openWith({ XDG_STATE_HOME: join(home, 'state') });
    await say(pty, 'hello', 'ok');
    expect(readFileSync(join(home, 'state/llm-service/history.jsonl'), 'utf8')).toBe('"hello"\n');
  });

  it('names the nearest of its commands', async () => {
    const pty = await open();
    pty.type(`/tempreature 1${KEYS.enter}`);
    await pty.shows(/Unknown command '\/tempreature'\. Did you mean \/temperature\? \/help lists/);
    expect(asked()).toEqual([]);
  });

  it('names no flag to somebody who typed an unknown command', async () => {
    const pty = await open();
    pty.type(`/foo${KEYS.enter}`);
    await pty.shows("\nUnknown command '/foo'. /help lists the commands; // begins");
    pty.type(`/clear all${KEYS.enter}`);
    await pty.shows(/Too many arguments[^]*slash\.\n>$/);
    expect(pty.screen).not.toMatch(/--help|quotes/);
  });

  it('takes its commands in capitals too', async () => {
    const pty = await open();
    pty.type(`/EXIT${KEYS.enter}`);
    expect(await pty.ended()).toBe(0);
  });

  it('sends a message that begins with a slash behind a second one', async () => {
    const pty = await open();
    await say(pty, '//etc/hosts', 'a file');
    expect(lastMessages()).toEqual([{ role: 'user', content: '/etc/hosts' }]);
  });

  it('changes system prompt, model and temperature', async () => {
    const pty = await open();
    pty.type(`/system 짧게 답해 주세요.${KEYS.enter}/temperature 0.25${KEYS.enter}/model qwen${KEYS.enter}`);
    await pty.shows(/temperature 0.25\n> \/model qwen\nqwen\nThe server does not list this model.*\n>$/);
    await say(pty, 'a', 'ok');
    expect(asked()[0]).toMatchObject({
      model: 'qwen',
      temperature: 0.25,
      messages: [{ role: 'system', content: '짧게 답해 주세요.' }, { role: 'user' }],
    });
  });

  it('says what a temperature may be', async () => {
    const pty = await open();
    pty.type(`/temperature hot${KEYS.enter}`);
    await pty.shows('\n/temperature must be a number from 0 to 2. /help');
  });

  it('asks a message again that got no answer', async () => {
    const pty = await open('--retries', '0');
    stub.script({ kind: 'status', status: 500 });
    pty.type(`Hello${KEYS.enter}`);
    await pty.shows('/retry asks again.');
    await say(pty, '/retry', 'now');
    expect(lastMessages()).toEqual([{ role: 'user', content: 'Hello' }]);
  });

  it('replaces an answer that is asked for again', async () => {
    const pty = await open();
    await say(pty, 'one', 'bad');
    await say(pty, '/retry', 'good');
    await say(pty, 'two', 'ok');
    expect(lastMessages().map(({ content }) => content)).toEqual(['one', 'good', 'two']);
  });

  it('forgets the conversation at /clear', async () => {
    const pty = await open();
    await say(pty, 'one', 'ok');
    pty.type(`/clear${KEYS.enter}`);
    await pty.shows('begins anew');
    await say(pty, 'two', 'fine');
    expect(lastMessages()).toEqual([{ role: 'user', content: 'two' }]);
  });

  it('saves the conversation, its Markdown within quotations', async () => {
    const pty = await open();
    await say(pty, '# Title', 'a list');
    pty.type(`/save talk.md${KEYS.enter}`);
    await pty.shows('Saved as talk.md');
    expect(readFileSync(join(home, 'talk.md'), 'utf8')).toMatch(
      /^# Chat, [\d-]+ [\d:]+\n\n## You\n\n> # Title\n\n## \S+\n\n> a list\n$/,
    );
  });

  it('numbers what is saved without a name within the same minute', async () => {
    const pty = await open();
    await say(pty, 'one', 'ok');
    for (const end of [/\d\.md\n>$/, /-2\.md\n>$/, /-3\.md\n>$/]) {
      pty.type(`/save${KEYS.enter}`);
      await pty.shows(end);
    }
  });

  it('saves in the language of the chat', async () => {
    const pty = await open('--lang', 'ko', '--system', '짧게.');
    pty.type(`안녕${KEYS.enter}`);
    await pty.shows(/토큰 \d+개\n\n>$/);
    pty.type(`/save talk.md${KEYS.enter}`);
    await pty.shows('저장한 파일: talk.md');
    expect(readFileSync(join(home, 'talk.md'), 'utf8')).toMatch(
      /^# 대화, [\d-]+ [\d:]+\n\n## 시스템 프롬프트\n\n> 짧게\.\n\n## 나\n\n> 안녕\n\n/,
    );
  });

  it('saves a conversation as JSON that can be asked again', async () => {
    const pty = await open('--temperature', '0.5');
    await say(pty, 'one', 'ok');
    pty.type(`/save talk.json${KEYS.enter}`);
    await pty.shows('Saved as talk.json');
    expect(JSON.parse(readFileSync(join(home, 'talk.json'), 'utf8'))).toEqual([
      {
        messages: [
          { role: 'user', content: 'one' },
          { role: 'assistant', content: 'ok' },
        ],
        temperature: 0.5,
      },
    ]);
  });

  it('overwrites no file', async () => {
    writeFileSync(join(home, 'mine.md'), 'mine');
    const pty = await open();
    pty.type(`/save mine.md${KEYS.enter}`);
    await pty.shows('mine.md is there already, and is not overwritten');
    expect(readFileSync(join(home, 'mine.md'), 'utf8')).toBe('mine');
  });

  it('shows what would steer the terminal instead of doing it', async () => {
    stub.script({ kind: 'reply', content: 'a\u001b]0;owned\u0007b \u001b[2Jc' });
    const pty = await open();
    pty.type(`x${KEYS.enter}`);
    await pty.shows(String.raw`a\u001b]0;owned\u0007b \u001b[2Jc`);
    expect(pty.raw).not.toContain('\u001b]0;');
  });

  it('says that an answer was cut', async () => {
    stub.script({ kind: 'reply', content: 'Once upon', finishReason: 'length' });
    const pty = await open();
    pty.type(`x${KEYS.enter}`);
    await pty.shows('cut at max_tokens');
  });

  it('says how to begin anew where a conversation has grown too long', async () => {
    stub = await startStub({ contextLength: 20 });
    const pty = await open();
    pty.type(`${'word '.repeat(30)}${KEYS.enter}`);
    await pty.shows(/too long for the model[^]*\/clear begins anew\./);
  });

  it('wraps answers between words', async () => {
    const answer =
      '데이터베이스 커넥션 풀이 고갈되면 요청이 쌓이고 응답이 늦어지므로 원인을 먼저 찾아야 합니다.';
    stub.script({ kind: 'reply', content: answer });
    const pty = await open();
    pty.type(`x${KEYS.enter}`);
    await pty.shows('원인을 먼저\n찾아야 합니다.\n');
  });

  it('speaks Korean', async () => {
    const pty = await open('--lang', 'ko');
    pty.type(`/help${KEYS.enter}`);
    await pty.shows('슬래시로 시작하는 메시지는 //로 시작하세요.');
    expect(pty.screen).toContain('/help 명령 안내, Ctrl-D 종료');
  });

  it('uses no colours where NO_COLOR is set', async () => {
    const pty = await openWith({ NO_COLOR: '1' });
    await say(pty, 'Hello', 'Good day');
    // eslint-disable-next-line no-control-regex -- what is looked for is a control sequence
    expect(pty.raw).not.toMatch(/\u001b\[[\d;]*m/);
  });
});

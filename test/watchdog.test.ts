import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type RunawayReason, Watchdog } from '../src/engine/watchdog.js';

/** Bounds that no text of these tests comes near. */
const WIDE = { maxTokens: 1_000_000, reasoningTokens: 1_000_000 };

/** The units between two looks for loops. */
const LOOK_EVERY = 256;

/** Something that no rule minds and that repeats nothing, as long as asked. */
function prose(units: number): string {
  let text = '';
  for (let index = 0; text.length < units; index++) text += `Satz ${index}, 문장 ${index * index}; `;
  return text.slice(0, units);
}

/** A text of so many bytes, mostly of one character: in ever longer rows, so that it repeats nothing. */
function sized(bytes: number, character = 'a'): string {
  let text = '';
  let size = 0;
  for (let row = character; size + Buffer.byteLength(row) < bytes; row += character) {
    text += `${row} `;
    size += Buffer.byteLength(row) + 1;
  }
  return text + '.'.repeat(bytes - size);
}

/** What the watchdog says of a text that comes in such pieces, and how much of it had come by then. */
function watch(pieces: Iterable<string>, bounds = WIDE): { reason: RunawayReason | undefined; came: number } {
  const watchdog = new Watchdog(bounds);
  let came = 0;
  for (const piece of pieces) {
    came += piece.length;
    const reason = watchdog.content(piece);
    if (reason) return { reason, came };
  }
  return { reason: undefined, came };
}

/** What it says of a text that comes at once. */
function verdict(text: string, bounds = WIDE): RunawayReason | undefined {
  return watch([text], bounds).reason;
}

/** Cuts a text into pieces of these sizes, over and over. */
function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let from = 0; from < text.length;) {
    const size = sizes[pieces.length % sizes.length] ?? 1;
    pieces.push(text.slice(from, from + size));
    from += size;
  }
  return pieces;
}

describe('a run of white space', () => {
  const BLANKS = Array.from({ length: 0x10000 }, (_, unit) => String.fromCharCode(unit)).filter((unit) =>
    /\s/.test(unit),
  );

  it.each([' ', '\n', '\t', '\r', '\u00a0', '\u3000'])(
    'of 200 is left alone, of 201 is broken off: %j',
    (blank) => {
      expect(verdict(`{${blank.repeat(200)}}`)).toBeUndefined();
      expect(verdict(`{${blank.repeat(201)}`)).toBe('blanks');
    },
  );

  it('may be of every kind of white space that there is', () => {
    const mixed = (length: number) => Array.from({ length }, (_, at) => BLANKS[at % BLANKS.length]).join('');

    expect(BLANKS.length).toBeGreaterThan(20);
    expect(verdict(mixed(200))).toBeUndefined();
    expect(verdict(mixed(201))).toBe('blanks');
  });

  it.each(['a', '\u200b', '\u0000', '한'])('is ended by anything else: %j', (other) => {
    expect(verdict(`${' '.repeat(200)}${other}${' '.repeat(200)}`)).toBeUndefined();
  });
});

describe('a run of digits', () => {
  it('of 100 is left alone, of 101 is broken off', () => {
    expect(verdict(`{"score": ${'1234567890'.repeat(10)}`)).toBeUndefined();
    expect(verdict(`{"score": ${'1234567890'.repeat(10)}1`)).toBe('digits');
  });

  it.each(['.', '-', 'e', ' ', '٣', '３'])('is ended by anything but an ASCII digit: %j', (other) => {
    expect(verdict(`${'0'.repeat(100)}${other}${'0'.repeat(100)}`)).toBeUndefined();
  });

  it('behind a point counts anew and is broken off all the same', () => {
    expect(verdict(`0.${'0'.repeat(100)}`)).toBeUndefined();
    expect(verdict(`0.${'0'.repeat(101)}`)).toBe('digits');
  });
});

describe('a reply that is larger than its tokens can be', () => {
  it.each(['a', 'é', '한', '👍'])('is broken off behind 16 bytes a token: %s', (character) => {
    const bounds = { maxTokens: 512, reasoningTokens: 0 };
    const text = sized(512 * 16, character);

    expect(verdict(text, bounds)).toBeUndefined();
    expect(verdict(`${text}.`, bounds)).toBe('oversize');
  });

  it('may have 4,096 bytes, however few its tokens', () => {
    const bounds = { maxTokens: 1, reasoningTokens: 0 };

    expect(verdict(sized(4096), bounds)).toBeUndefined();
    expect(verdict(sized(4097), bounds)).toBe('oversize');
  });
});

describe('a loop', () => {
  it.each([1, 2, 3, 7, 64, 100, 101, 250, 399, 400])('of %i units is broken off at its bound', (period) => {
    const length = Math.max(10 * period, 1000);
    const round = prose(period);
    const loop = round.repeat(Math.ceil(length / period)).slice(-length);
    const beginning = prose(LOOK_EVERY * 17 - length - 1);

    expect(verdict(`${beginning}!${loop}`)).toBe('loop');
    expect(verdict(`${beginning}!!${loop.slice(1)}`)).toBeUndefined();
  });

  it('of more than 400 units is left alone', () => {
    expect(verdict(prose(401).repeat(20))).toBeUndefined();
  });

  it('that differs in one unit each round is left alone', () => {
    const rounds = Array.from({ length: 200 }, (_, round) => `The candidate knows it, ${1000 + round}. `);

    expect(verdict(rounds.join(''))).toBeUndefined();
  });

  it.each([0, 1, 100, 255, 256, 257, 5000])('is seen within 256 units, behind %i others', (before) => {
    const loop = 'I see. '.repeat(400);

    const { reason, came } = watch(cut(prose(before) + loop, [3]));

    expect(reason).toBe('loop');
    expect(came).toBeLessThan(before + 1000 + LOOK_EVERY + 3);
  });

  it.each(['\\n', '\\t', '\\u0020', '\\u00a0', '\\r\\n', '&nbsp;', '\u0000', '\u200b'])(
    'of white space in another spelling is one too: %j',
    (blank) => {
      expect(verdict(`{"summary": "Good.${blank.repeat(1300)}`)).toBe('loop');
    },
  );
});

describe('reasoning', () => {
  const bounds = { maxTokens: 10, reasoningTokens: 512 };

  it('is broken off when the engine counts more tokens than it may have', () => {
    const watchdog = new Watchdog(bounds);

    expect(watchdog.reasoning('Hmm. ', 511)).toBeUndefined();
    expect(watchdog.reasoning('Well. ', 512)).toBeUndefined();
    expect(watchdog.reasoning('So. ', 513)).toBe('reasoning');
  });

  it.each([undefined, 0])('counts its pieces where the engine counts nothing: %s', (told) => {
    const watchdog = new Watchdog(bounds);
    const pieces = cut(prose(513 * 3), [3]);

    const reasons = pieces.map((piece) => watchdog.reasoning(piece, told));

    expect(reasons.indexOf('reasoning')).toBe(512);
  });

  it("goes on from the engine's last count where the engine is silent", () => {
    const watchdog = new Watchdog(bounds);

    expect(watchdog.reasoning('Hmm. ', 511)).toBeUndefined();
    expect(watchdog.reasoning('Well. ')).toBeUndefined();
    expect(watchdog.reasoning('So. ')).toBe('reasoning');
  });

  it('is broken off behind 16 bytes a token', () => {
    const watchdog = new Watchdog(bounds);

    expect(watchdog.reasoning(sized(512 * 16))).toBeUndefined();
    expect(watchdog.reasoning('.')).toBe('reasoning');
  });

  it.each<[RunawayReason, string]>([
    ['blanks', ' '.repeat(201)],
    ['digits', '3'.repeat(101)],
    ['loop', 'Wait, '.repeat(300)],
  ])('is looked at for %s', (reason, text) => {
    expect(new Watchdog(bounds).reasoning(text)).toBe(reason);
  });

  it('and the reply are two texts', () => {
    const watchdog = new Watchdog(bounds);

    expect(watchdog.reasoning(' '.repeat(150))).toBeUndefined();
    expect(watchdog.content(' '.repeat(150))).toBeUndefined();
    expect(watchdog.reasoning(' '.repeat(51))).toBe('blanks');
  });
});

describe('the verdict', () => {
  const unit = fc.constantFrom(
    ' ',
    '\n',
    '7',
    '.',
    'a',
    '가',
    '👍',
    '\ud83d',
    'ab',
    '네. ',
    '\\n',
    '"",\n  ',
    '12 ',
  );
  const run = fc.oneof(
    fc.tuple(unit, fc.integer({ min: 0, max: 400 })).map(([what, times]) => what.repeat(times)),
    fc.integer({ min: 0, max: 700 }).map(prose),
    fc
      .tuple(fc.integer({ min: 1, max: 410 }), fc.integer({ min: 1, max: 12 }))
      .map(([units, times]) => prose(units).repeat(times)),
  );
  const text = fc.array(run, { minLength: 1, maxLength: 8 }).map((runs) => runs.join(''));
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 2000 })), {
    minLength: 1,
    maxLength: 12,
  });

  it('is the same and as early, however the text is cut', () => {
    const bounds = { maxTokens: 400, reasoningTokens: 0 };
    const seen = new Set<RunawayReason | undefined>();
    fc.assert(
      fc.property(text, sizes, (whole, lengths) => {
        const one = watch(cut(whole, [1]), bounds);
        const some = watch(cut(whole, lengths), bounds);
        seen.add(one.reason);
        expect(some.reason).toBe(one.reason);
        expect(some.came).toBeGreaterThanOrEqual(one.came);
        expect(some.came).toBeLessThan(one.came + Math.max(...lengths));
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(seen).toEqual(new Set([undefined, 'blanks', 'digits', 'loop', 'oversize']));
  });
});

describe('an honest reply is left alone', () => {
  const ANSWERS = [
    '지원자는 커넥션 풀의 크기를 정한 근거를 수치로 설명했습니다.',
    '느린 쿼리를 찾을 때 실행 계획을 먼저 읽는다는 답은 구체적이고 설득력이 있습니다.',
    '다만 인덱스를 추가했을 때의 쓰기 비용은 이야기하지 않았습니다.',
    '장애 상황에서 누구와 어떻게 소통했는지도 함께 말했더라면 더 좋았을 것입니다.',
    '결제의 멱등성에 대해서는 키의 수명과 저장 위치까지 짚어 깊이가 있었습니다.',
    '트랜잭션 격리 수준을 묻는 질문에는 정의만 답하고 실제 경험은 제시하지 못했습니다.',
    '캐시를 무효화하는 시점을 팀에서 어떻게 합의했는지 설명한 부분이 인상적입니다.',
    '모니터링 지표로 p95와 오류율을 함께 본다는 점에서 운영 경험이 드러납니다.',
    '질문의 의도를 되묻고 범위를 좁힌 뒤 답하는 태도가 좋았습니다.',
    '테스트 전략은 단위 테스트에 치우쳐 있어 통합 테스트의 필요성을 더 고민해 보기를 권합니다.',
    '메시지 큐를 고른 이유를 처리량보다 팀의 숙련도에서 찾은 것은 현실적인 판단입니다.',
    '마지막으로, 본인이 내린 결정의 대안을 한 문장으로 덧붙이는 연습이 필요합니다.',
  ];
  const SENTENCES = [
    'The candidate explained why the pool has twenty connections and what happened at ten.',
    'Reading the plan before adding an index is a habit that came up more than once.',
    'What the index costs on writes was left out, although the interviewer asked twice.',
    'The answer on idempotent payments named the key, its lifetime and where it is stored.',
    'On isolation levels there was a definition, but no case from the work of the candidate.',
  ];

  /** A report of six answers whose feedback differs in a number and a word alone. */
  function report(sentences: readonly string[], paragraphs: number): string {
    const paragraph = (start: number) =>
      sentences.map((_, at) => sentences[(start * 5 + at * 7) % sentences.length]).join(' ');
    return JSON.stringify(
      {
        question_feedbacks: ['커넥션 풀', '느린 쿼리', '멱등성', '격리 수준', '캐시', '장애 대응'].map(
          (topic, at) => ({
            question: `${topic}에 대해 설명해 주세요.`,
            answer_summary: paragraph(at),
            feedback: `${topic}에 대한 답변은 10점 만점에 ${at + 4}점입니다. ${sentences.join(' ')}`,
            score: at + 4,
          }),
        ),
        strengths: sentences,
        improvements: Array.from({ length: 10 }, () => '해당 없음'),
        summary: Array.from({ length: paragraphs }, (_, at) => paragraph(at)).join('\n\n'),
        overall_score: 72,
      },
      undefined,
      2,
    );
  }

  const nested = (depth: number): unknown =>
    depth === 0
      ? ['끝', 'end']
      : { level: depth, name: `n${depth}`, left: nested(depth - 1), right: [nested(0), null] };

  const table = [
    '| 질문 | 점수 | 의견 |',
    `|${'-'.repeat(60)}|${'-'.repeat(20)}|${'-'.repeat(90)}|`,
    ...Array.from({ length: 30 }, (_, row) => `| ${row + 1}번 질문 | 7 | ${'좋습니다.'.padEnd(80)} |`),
  ].join('\n');

  const refrain = Array.from(
    { length: 5 },
    (_, verse) => `${prose(90 + verse)}\n${'And the server is up, and the queue is empty. '.repeat(4)}\n`,
  ).join('\n');

  const code = [
    'export function check(value: unknown): void {',
    ...Array.from({ length: 40 }, () => '  if (value === null) return;'),
    ...Array.from({ length: 20 }, (_, at) => `  assert(value !== ${at});`),
    '}',
  ].join('\n');

  const bytes = Buffer.from(Array.from({ length: 2048 }, (_, at) => (at * at * 31 + at * 7) % 251));

  it.each<[string, string]>([
    ['a long Korean report', report(ANSWERS, 8)],
    ['a long English report', report(SENTENCES, 12)],
    ['a list of 20 equal short items', JSON.stringify(Array.from({ length: 20 }, () => '해당 없음'))],
    ['a table of 30 rows with wide cells', table],
    ['JSON that is 12 levels deep', JSON.stringify(nested(12), undefined, 2)],
    ['base64', bytes.toString('base64')],
    ['a poem with a refrain', refrain],
    ['laughter', `정말요? ${'ㅋㅋㅋㅋ'.repeat(30)} 재미있네요.`],
    [
      'a phone list',
      Array.from({ length: 200 }, (_, at) => `010-${1000 + at * 7}-${9999 - at * 13}`).join('\n'),
    ],
    ['a number of 60 digits', `2의 198제곱은 ${2n ** 198n}입니다.`],
    ['code with equal lines', code],
    ['ruled lines', `${'-'.repeat(80)}\n제목\n${'═'.repeat(80)}\n\n${'=-'.repeat(60)}\n본문`],
    ['a blank page of a form', `이름: ${'_'.repeat(200)}\n주소: ${'_'.repeat(200)}\n`],
  ])('%s', (_name, text) => {
    expect(verdict(text, { maxTokens: 6000, reasoningTokens: 0 })).toBeUndefined();
    expect(new Watchdog({ maxTokens: 0, reasoningTokens: 6000 }).reasoning(text)).toBeUndefined();
  });

  it('and the long ones are as long as the reports of the service', () => {
    expect(report(ANSWERS, 8).length).toBeGreaterThan(6000);
    expect(report(SENTENCES, 12).length).toBeGreaterThan(6000);
  });
});

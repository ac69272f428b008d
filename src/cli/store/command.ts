import { ConfigError } from '../../config/config-error.js';
import { loadSettings } from '../../config/load-settings.js';
import type { Settings } from '../../config/settings.js';
import { chooseStore, type StoreChoice } from './choose-store.js';
import { loadCalls } from './load-calls.js';
import { checkThatNobodyWrites, openSource, openTarget, type Store } from './open-store.js';
import { Progress, type ProgressOutput } from './progress.js';
import { checkBackup, readBackup } from './read-backup.js';
import { readCalls } from './read-calls.js';
import { StoreFault } from './store-fault.js';
import { HELP, readUse, type Use } from './use.js';
import { writeBackup } from './write-backup.js';

/** What the command writes to; `process` has it all. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: ProgressOutput;
}

/** 0: done · 1: it did not work · 2: wrong use. */
export type ExitCode = 0 | 1 | 2;

/** What is left of a copy or a restore that is stopped. */
const WRITTEN_STAYS = 'What is written stays, and the command can be repeated.';

/** What a run needs to know beside its arguments. */
export interface RunOptions {
  /** Where the service's own store is; read from the environment and `.env` where it is not given. */
  readonly settings?: Settings;
  /** Ends it between two batches. */
  readonly signal?: AbortSignal;
}

/** The stores of a command: where calls come from and where they go; one of them may be a file. */
interface Plan {
  readonly use: Use;
  readonly source: StoreChoice;
  readonly target: StoreChoice;
  readonly settings: Settings;
  readonly stderr: ProgressOutput;
  readonly signal: AbortSignal | undefined;
}

/** Runs `store` with these arguments: what was done goes to standard output, sentences to standard error. */
export async function runStore(
  args: readonly string[],
  { stdout, stderr }: Terminal,
  { settings: given, signal }: RunOptions = {},
): Promise<ExitCode> {
  const use = readUse(args);
  if (use === 'help') {
    stdout.write(HELP);
    return 0;
  }
  const wrongUse = (wrong: string): ExitCode => {
    stderr.write(`${wrong}\n\n${HELP}`);
    return 2;
  };
  if ('wrong' in use) return wrongUse(use.wrong);
  try {
    const settings = given ?? loadSettings().settings;
    const source = chooseStore('--from', 'from' in use ? use.from : undefined, settings);
    const target = chooseStore('--to', 'to' in use ? use.to : undefined, settings);
    if (typeof source === 'string') return wrongUse(source);
    if (typeof target === 'string') return wrongUse(target);
    if (use.command === 'copy' && source.url === target.url) return wrongUse('Name two different stores.');
    stdout.write(`${await run({ use, source, target, settings, stderr, signal })}.\n`);
    return 0;
  } catch (error) {
    const sentence = sentenceOf(error);
    if (sentence === undefined) throw error;
    stderr.write(`${sentence}\n`);
    return 1;
  }
}

function run(plan: Plan): Promise<string> {
  switch (plan.use.command) {
    case 'copy':
      return copy(plan);
    case 'backup':
      return backup(plan, plan.use.file);
    case 'restore':
      return restore(plan, plan.use.file);
  }
}

/** @returns what was done */
async function copy(plan: Plan): Promise<string> {
  const { source, target, settings, signal } = plan;
  return withStore(openSource(source, settings, false), (from) =>
    withStore(openTarget(target, settings), async (to) => {
      await checkThatNobodyWrites(from);
      return withProgress(plan, 'copied', WRITTEN_STAYS, (wrote) =>
        loadCalls(to, readCalls(from.pool, from.name, signal), {
          retentionDays: settings.retentionDays,
          wrote,
          signal,
        }),
      );
    }),
  );
}

async function backup(plan: Plan, file: string): Promise<string> {
  const { source, settings, signal } = plan;
  return withStore(openSource(source, settings, true), (from) =>
    withProgress(plan, `written to ${file}`, `No backup is left, and ${file} is as it was before.`, (wrote) =>
      writeBackup(file, readCalls(from.pool, from.name, signal), wrote),
    ),
  );
}

async function restore(plan: Plan, file: string): Promise<string> {
  const { target, settings, signal } = plan;
  await withProgress(plan, 'read', 'Nothing is written yet.', (read) => checkBackup(file, read, signal));
  return withStore(openTarget(target, settings), (to) =>
    withProgress(plan, 'restored', WRITTEN_STAYS, (wrote) =>
      loadCalls(to, readBackup(file, signal), { retentionDays: settings.retentionDays, wrote, signal }),
    ),
  );
}

async function withStore<T>(opening: Promise<Store>, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await opening;
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/**
 * @param left - what there is of the work when it is stopped
 * @throws StoreFault where it is
 */
async function withProgress(
  { stderr, signal }: Plan,
  what: string,
  left: string,
  work: (add: (calls: number) => void) => Promise<void>,
): Promise<string> {
  const progress = new Progress(stderr, what);
  try {
    await work(progress.add);
  } catch (error) {
    if (signal?.aborted) throw new StoreFault(`Stopped. ${left}`, { cause: error });
    throw error;
  } finally {
    progress.clear();
  }
  return progress.summary();
}

/** What a user can do something about. */
function sentenceOf(error: unknown): string | undefined {
  return error instanceof StoreFault || error instanceof ConfigError ? error.message : undefined;
}

import type { LoggerService } from '@nestjs/common';
import { createLogger, type Logger, transports } from 'winston';
import { SecretMask } from '../config/secret-mask.js';
import type { Settings } from '../config/settings.js';
import { jsonLines, prettyLines } from './log-format.js';

const LEVELS = { DEBUG: 'debug', INFO: 'info', WARNING: 'warn', ERROR: 'error' } as const;

/**
 * Where Nest tells what it wires together; nobody who runs the service asks for that at INFO. What keeps the
 * service from starting is told by main.ts, in one sentence.
 */
const NEST = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
]);

/** A message, or a message with facts beside it. */
type Entry = string | ({ readonly message: string } & Readonly<Record<string, unknown>>);

/** A reader that closes our output (`npm start | head`) must not end the service. For the process, once. */
export function surviveClosedOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}

/** winston behind Nest's logger interface: what `new Logger(context)` anywhere in the code writes to. */
export class AppLogger implements LoggerService {
  private readonly winston: Logger;

  constructor(settings: Settings) {
    const json =
      settings.logFormat === 'json' || (settings.logFormat === 'auto' && settings.nodeEnv === 'production');
    const colour = process.stdout.isTTY;
    const secrets = new SecretMask(settings);
    this.winston = createLogger({
      level: LEVELS[settings.logLevel],
      format: json ? jsonLines(secrets) : prettyLines(secrets, { colour }),
      transports: [new transports.Console({ stderrLevels: [] })],
    });
  }

  log(entry: Entry, ...rest: unknown[]): void {
    this.write(NEST.has(String(rest.at(-1))) ? 'debug' : 'info', entry, rest);
  }

  error(entry: Entry, ...rest: unknown[]): void {
    this.write(NEST.has(String(rest.at(-1))) ? 'debug' : 'error', entry, rest);
  }

  warn(entry: Entry, ...rest: unknown[]): void {
    this.write('warn', entry, rest);
  }

  debug(entry: Entry, ...rest: unknown[]): void {
    this.write('debug', entry, rest);
  }

  /** Nest appends the context last and, for errors, the stack before it. */
  private write(level: string, entry: Entry, rest: unknown[]): void {
    if (!this.winston.isLevelEnabled(level)) return;
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const { message, ...facts } = typeof entry === 'string' ? { message: entry } : entry;
    this.winston.log({ level, message, ...facts, context, ...(stack !== undefined && { stack }) });
  }
}

import type { Logger } from '@nestjs/common';
import { isConnectionLost } from '../database/connection.js';
import type { DatabaseService } from '../database/database.service.js';

/** Tells the operator of work in the background that failed, unless the database is away: that is logged already. */
export function reportFailure(
  logger: Logger,
  database: DatabaseService,
  message: string,
  error: unknown,
): void {
  if (isConnectionLost(error)) database.lost(error);
  if (database.problem === undefined) logger.error({ message, reason: reasonOf(error) });
}

function reasonOf(error: unknown): string {
  const { code, message = String(error) } = error as { code?: string; message?: string };
  // https://www.postgresql.org/docs/current/errcodes-appendix.html: insufficient_privilege
  return code === '42501'
    ? `${message}: grant the user of DATABASE_URL CREATE on the database and on its schema public`
    : message;
}

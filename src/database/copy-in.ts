import type { Pool, PoolClient } from 'pg';
import { from } from 'pg-copy-streams';

/**
 * Sends rows to a `COPY … FROM STDIN`, which is one statement: it takes all of them or none.
 * @param rows in the format that the statement names
 * @throws what the server or the connection says; the connection is closed then
 */
export async function copyIn(pool: Pool, statement: string, rows: Buffer): Promise<void> {
  const client = await pool.connect();
  let isDone = false;
  try {
    await send(client, statement, rows);
    isDone = true;
  } finally {
    client.release(!isDone);
  }
}

function send(client: PoolClient, statement: string, rows: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    // A connection that breaks tells so itself as well; with nobody who listens that would end the process.
    client.on('error', failed);
    const copy = from(statement);
    copy.on('error', failed);
    // Not before the server has committed.
    copy.on('finish', () => {
      client.off('error', failed);
      done();
    });
    client.query(copy).end(rows);
  });
}

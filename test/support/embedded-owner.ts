import { type EmbeddedServer, startEmbeddedServer } from '../../src/database/embedded/embedded-server.js';

/** What the process tells of its start. */
export type OwnerMessage =
  | { readonly connection: EmbeddedServer['connection']; readonly adopted: boolean }
  | { readonly refused: string };

// A process that has nothing but the server, for tests that kill it or run it as another user.
try {
  const { connection, adopted } = await startEmbeddedServer({ dataDir: process.argv[2] ?? '' });
  process.send?.({ connection, adopted } satisfies OwnerMessage);
} catch (error) {
  process.send?.({ refused: error instanceof Error ? error.message : String(error) } satisfies OwnerMessage);
}
// The server alone would not keep the process alive.
process.once('disconnect', () => process.exit());

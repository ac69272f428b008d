import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * One PostgreSQL for all tests, where nobody names one in TEST_DATABASE_URL: each service of a test is one of many
 * replicas on the same database, as in production. Jest does not compile this file, so it takes the built server.
 */
export default async function setUp() {
  if (process.env.TEST_DATABASE_URL) return;
  const { startEmbeddedServer } = await import('../../dist/database/embedded/embedded-server.js');
  const dataDir = mkdtempSync(join(tmpdir(), 'llm-service-tests-'));
  const server = await startEmbeddedServer({ dataDir });
  const { host, user, database, port } = server.connection;
  process.env.TEST_DATABASE_URL = `postgresql://${user}@/${database}?host=${encodeURIComponent(host)}&port=${port}`;
  globalThis.stopTestDatabase = async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true });
  };
}

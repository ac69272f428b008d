// npm run test:server: everything about the store once more, on a PostgreSQL of the machine's own instead of the
// service's, which `npm test` takes.
import { spawnSync } from 'node:child_process';
import { OwnPostgres, postgresPrograms } from '../kill/postgres.ts';

/** Suites that read or write the store. */
const SUITES = 'test/(call-log|call-store|call-writer|csv-log|database|readme|small-chat|store|upkeep)';

if (postgresPrograms() === undefined) {
  console.log('Skipped: no PostgreSQL is found. On Debian: apt-get install postgresql.');
  process.exit(process.env.CI === undefined ? 0 : 1);
}
const server = await OwnPostgres.start();
try {
  const jest = 'node_modules/jest/bin/jest.js';
  const { status } = spawnSync(process.execPath, ['--experimental-vm-modules', jest, SUITES], {
    env: { ...process.env, TEST_DATABASE_URL: server.url },
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
} finally {
  await server.remove();
}

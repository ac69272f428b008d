import type { Config } from 'jest';
import base from '../../jest.config.ts';

/** The contract on real engines: each test may have to start one, and there is room for one at a time. */
const config: Config = {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/real-engine/*.engine.ts'],
  // What run.ts changes for --all.
  globals: { withAll: false },
  maxWorkers: 1,
  testTimeout: 600_000,
};

export default config;

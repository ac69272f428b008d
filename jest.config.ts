import type { Config } from 'jest';
import { measurePace } from './test/support/pace.ts';

const config: Config = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': '@swc/jest' },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // Long enough for the slowest test on a machine at rest, twice over.
  testTimeout: 30_000 * measurePace(),
  // Suites wait more than they compute; Jest's own choice is one core less than there are.
  maxWorkers: 2,
  globalSetup: '<rootDir>/test/support/global-setup.js',
  globalTeardown: '<rootDir>/test/support/global-teardown.js',
};

export default config;

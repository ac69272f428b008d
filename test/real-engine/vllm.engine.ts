import { jest } from '@jest/globals';
import { describeContract } from '../contract/contract.js';
import { vllm } from '../contract/drivers/real.ts';

// A real engine on a shared CPU is late now and then; what fails twice is a fault. The first failure is printed.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

describeContract(vllm);

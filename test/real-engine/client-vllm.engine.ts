import { jest } from '@jest/globals';
import { vllm } from '../contract/drivers/real.ts';
import { describeClient } from './client.js';

// A real engine on a shared CPU is late now and then; what fails twice is a fault. The first failure is printed.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

describeClient(vllm, { name: 'vLLM', servesAnyName: false });

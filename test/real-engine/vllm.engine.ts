import { describeContract } from '../contract/contract.js';
import { vllm } from '../contract/drivers/real.ts';

describeContract(vllm);

import { describeContract } from '../contract/contract.js';
import { sglang } from '../contract/drivers/real.ts';

describeContract(sglang);

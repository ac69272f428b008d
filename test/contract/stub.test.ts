import { describeContract } from './contract.js';
import { stub } from './drivers/stub.ts';

describeContract(stub);

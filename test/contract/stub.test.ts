import { afterAll } from '@jest/globals';
import { describeBrokenReplies, describeLongCalls, describeShortCalls } from './contract.js';
import { stub } from './drivers/stub.ts';
import { EngineSlot } from './engine-slot.js';

const engines = new EngineSlot(stub, { all: true });
afterAll(() => engines.close());

describeShortCalls(engines);
describeLongCalls(engines);
describeBrokenReplies(engines);

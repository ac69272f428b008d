import { vllm } from '../contract/drivers/real.ts';
import { describeRealEngine } from './real-engine.js';

describeRealEngine(vllm, { name: 'vLLM', servesAnyName: false });

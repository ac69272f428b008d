import { sglang } from '../contract/drivers/real.ts';
import { describeRealEngine } from './real-engine.js';

describeRealEngine(sglang, { name: 'SGLang', servesAnyName: true });

import type { EngineKind } from '../../config/settings.js';
import type { Dialect } from './dialect.js';
import { openai } from './openai.js';
import { sglang } from './sglang.js';
import { stub } from './stub.js';
import { vllm } from './vllm.js';

/** The dialect of each kind of engine. */
export const dialects: Readonly<Record<EngineKind, Dialect>> = { sglang, vllm, openai, stub };

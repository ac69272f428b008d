import type { Dialect } from './dialect.js';
import { sglang } from './sglang.js';

/** The built-in stub: SGLang's wire, its own name. */
export const stub: Dialect = { ...sglang, provider: 'stub' };

import { parseArgs } from 'node:util';
import { StubServer } from './stub-server.js';
import type { StubListening } from './types.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'Qwen/Qwen3-32B' },
    port: { type: 'string', default: '0' },
    'context-length': { type: 'string', default: '32768' },
    'token-delay-ms': { type: 'string', default: '0' },
    'max-requests': { type: 'string' },
    'api-key': { type: 'string' },
    dialect: { type: 'string', default: 'sglang' },
    control: { type: 'boolean', default: false },
  },
});

// Before anything else: a parent that dies while the server starts must not leave it behind.
process.on('disconnect', exit);
process.on('SIGTERM', exit);
// A terminal's Ctrl-C reaches parent and child alike. The parent still drains its calls, and needs its engine for it.
if (process.connected) process.on('SIGINT', () => undefined);

const stub = await StubServer.start({
  modelName: values.model,
  port: wholeNumber('port'),
  contextLength: wholeNumber('context-length'),
  tokenDelayMs: wholeNumber('token-delay-ms'),
  ...(values['max-requests'] !== undefined && { maxRequests: wholeNumber('max-requests') }),
  ...(values['api-key'] !== undefined && { apiKey: values['api-key'] }),
  dialect: dialect(values.dialect),
  control: values.control,
});

if (process.send) process.send({ listening: { url: stub.url } } satisfies StubListening);
else console.log(`Stub engine for ${values.model} at ${stub.url}/v1`);

function wholeNumber(flag: 'port' | 'context-length' | 'token-delay-ms' | 'max-requests'): number {
  const text = values[flag] ?? '';
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`--${flag} must be a whole number, got '${text}'`);
}

function dialect(name: string): 'sglang' | 'openai' {
  if (name === 'sglang' || name === 'openai') return name;
  throw new Error(`--dialect must be sglang or openai, got '${name}'`);
}

function exit(): never {
  process.exit(0);
}

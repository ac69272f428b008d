/** The client as other TypeScript programs use it: `import { LLMClient } from 'llm-service/client'`. */
export { CallFailed, type FailureFacts, type FaultKind } from './api/call-failed.js';
export type {
  BatchOptions,
  Message,
  PromptRequest,
  Prompts,
  RequestResult,
  Sampling,
} from './api/generation.js';
export {
  type Answer,
  type ChatPiece,
  LLMClient,
  type LLMClientOptions,
  type Retry,
  type ServerHealth,
  type StructuredEvent,
  type StructuredTask,
} from './api/llm-client.js';
export type { WrongField } from './api/wrong-fields.js';
export { ClientFault } from './faults/fault.js';

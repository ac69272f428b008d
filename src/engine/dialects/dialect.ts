import type { EngineFault } from '../engine-fault.js';
import type { Finish, OwnRequest, RelayBody } from '../engine-request.js';

/** The error object of an engine's reply, however it was wrapped. */
export interface EngineError {
  /** HTTP status, or the code in an error that came inside a 200. */
  readonly status: number;
  readonly message: string;
  /** A word; a number is read as the status. */
  readonly code?: string | undefined;
  readonly type?: string | undefined;
  readonly param?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** The part of a choice that tells how a reply ended. */
export interface EndedChoice {
  readonly finish_reason?: string | null;
  /** SGLang: the stop string, or the id of the end token. */
  readonly matched_stop?: string | number | null;
  /** vLLM: the stop string, or the id of the end token, or nothing. */
  readonly stop_reason?: string | number | null;
}

/** What differs between engines; everything else is OpenAI's chat completion API. */
export interface Dialect {
  /** What stands in `X-Provider`. */
  readonly provider: 'sglang' | 'vllm' | 'openai' | 'stub';
  /** Path of the cheapest check that an engine takes calls; none where there is no such thing. */
  readonly healthPath?: string;
  /** Path that ends a running request by the id that it was given; none where closing its connection is all there is. */
  readonly abortPath?: string;
  /** The request's body. */
  body(request: OwnRequest, requestId: string): object;
  /** The body of a request of OpenAI's own API, passed on with what this engine needs besides. */
  relayed(body: RelayBody, requestId: string): object;
  /** How a reply ended. */
  finishOf(choice: EndedChoice): Finish;
  /** What an error of the engine means. */
  faultOf(error: EngineError): EngineFault;
}

import type { SecretMask } from '../config/secret-mask.js';
import type { CallBudget } from './call-budget.js';
import type { EngineAddress } from './engine-address.js';
import type { FaultKind } from './engine-fault.js';
import { type ReplyBounds, ReplyGuard } from './reply-guard.js';
import { Tally } from './tally.js';

/** One try at one engine: its id there, its bounds, what it costs. */
export class Try {
  /** By this id the engine knows the request. Fresh for every try: a live one twice is an error. */
  readonly id = crypto.randomUUID().replaceAll('-', '');
  readonly guard: ReplyGuard;
  readonly tally = new Tally();
  /** `performance.now()` of the request. */
  readonly askedAt = performance.now();
  /** The JSON that was sent. */
  request = Buffer.alloc(0);
  /** Why it failed; what nobody succeeded with is a call that was left. */
  #fault: FaultKind | undefined = 'cancelled';
  #goesOn = false;

  constructor(
    readonly address: EngineAddress,
    private readonly budget: CallBudget,
    bounds: ReplyBounds,
    private readonly secrets: SecretMask,
  ) {
    const streams = bounds.stallMs !== undefined;
    const tellEngine = (): void => void address.abort(this.id);
    this.guard = new ReplyGuard(
      { ...bounds, ...(!streams && address.canAbort && { tellEngine }) },
      budget.signal,
    );
  }

  /** Whether a stream outlives the function that opened it, and closes the try when it ends. */
  get goesOn(): boolean {
    return this.#goesOn;
  }

  /** Leaves closing to the stream that was opened. */
  keepOpen(): void {
    this.#goesOn = true;
  }

  /** Says that the reply was read to its end. */
  succeed(): void {
    this.#fault = undefined;
  }

  /** Says why it failed. */
  fail(fault: FaultKind): void {
    this.#fault = fault;
  }

  /** Ends the try, however it went; to be called once. */
  close(): void {
    this.guard.close();
    // Closing the connection does not stop every engine at once.
    if (this.guard.isEnded) void this.address.abort(this.id);
    this.budget.onTried({
      id: this.id,
      engine: this.address.url,
      ms: performance.now() - this.askedAt,
      fault: this.#fault,
      usage: this.tally.usage,
      request: this.request,
      reply: this.#kept(),
    });
  }

  /** The reply as the log keeps it. What comes in place of an answer may repeat our key; a model was never told one. */
  #kept(): Buffer | string {
    const { whole, said } = this.tally;
    if (this.#fault === undefined) return whole ?? said;
    return whole ? this.secrets.bytes(whole) : this.secrets.text(said);
  }
}

import type { ServiceError } from '../common/errors.js';
import type { OpenFilter } from '../text/text-filter.js';
import type { Call } from './call.js';
import type { RowWrite } from './row-write.js';

/** How a call ended, for the stages that took something for it. */
export interface Ending {
  /**
   * `answered`: the caller has, or will have, the answer. `refused`: an error of the caller's, before any engine was
   * asked. `failed`: any other error. `cancelled`: no caller waits for the answer any longer.
   */
  readonly outcome: 'answered' | 'refused' | 'failed' | 'cancelled';
  readonly error?: ServiceError;
}

/**
 * A part of the pipeline, in a folder of its own, that knows this contract and no other stage. The order of the stages
 * is the list in the constructor of `Pipeline`. Every part is optional.
 *
 * There is no way to wrap a stage around the others: a call may ask several times, and a spoken text is never taken
 * back, so "around" would mean something else for each (docs/adr/0012-one-pipeline.md).
 */
export interface Stage {
  /** For the log. */
  readonly name: string;

  /**
   * Runs before an engine is asked: may throw, put another question in the place of `call.question`, or answer at once.
   * @returns the reply, where none needs to be made; the `before` of later stages does not run then
   * @throws ServiceError that the caller gets
   */
  before?(call: Call): object | undefined | Promise<object | undefined>;

  /**
   * Decides once, before an engine is asked, whether this call's texts are changed on their way out.
   * @returns what opens the filter of each text; undefined where all of them go out as they are
   */
  filter?(call: Call): OpenFilter | undefined;

  /**
   * Sees the checked answer before it is kept.
   * @throws ServiceError that the caller gets instead of it
   */
  after?(call: Call, reply: object): void | Promise<void>;

  /**
   * Runs once for every call that began, however it ended, in the reverse order of the stages: gives back what
   * `before` took. It runs also where `before` did not.
   * @returns a statement that is committed with the call's row
   */
  end?(call: Call, ending: Ending): RowWrite | undefined | Promise<RowWrite | undefined>;
}

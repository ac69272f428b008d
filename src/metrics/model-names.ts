import type { EngineService } from '../engine/engine.service.js';

/** What every model is counted as that is not served: callers may name any. */
const OTHER = 'other';

/** Names that models are counted under: as many as there are served, and one more. */
export class ModelNames {
  /**
   * @param ownModel MODEL_NAME, which counts under its name also while no engine tells what it serves
   */
  constructor(
    private readonly engine: EngineService,
    private readonly ownModel: string,
  ) {}

  /** Under which name a call for a model counts. The stub's answers stay told apart by the name that the stub gives itself. */
  nameOf(asked: string): string {
    const served = this.engine.models().find(({ id }) => id === asked || id === `${asked}-stub`);
    return served?.id ?? (asked === this.ownModel ? asked : OTHER);
  }
}

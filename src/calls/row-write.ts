/**
 * A statement that is committed in one transaction with the row that ends a call, or not at all: what a stage has to
 * settle in the database (a budget, for instance) cannot drift from the log.
 */
export interface RowWrite {
  /** SQL with `$1`, `$2`, …; its values are bound. */
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * Called when the statement was not committed: the database is away and the row waits on disk, or the database
   * refused the statement. The row itself is safe all the same.
   */
  missed(reason: Error): void;
}

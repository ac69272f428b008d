/**
 * A statement that is committed in one transaction with the row that ends a call, or not at all: what a stage has to
 * settle in the database (a budget, for instance) cannot drift from the log.
 *
 * `missed` says that the statement did not take effect, with one exception. When the database does not answer in time, or
 * the connection breaks, the answer to COMMIT itself may be what is missing: the transaction may then have been committed
 * although `missed` is called. So whatever makes up for a missed statement should be idempotent by the call's id, as the
 * row itself is. A service that is killed before the commit calls nothing: the row, where a stream began it, becomes
 * `interrupted`.
 */
export interface RowWrite {
  /** SQL with `$1`, `$2`, …; its values are bound. */
  readonly text: string;
  readonly values: readonly unknown[];
  /**
   * Names the row that the statement changes, where statements of several calls change the same one. The statements of a
   * transaction run in the order of these names, so that two transactions wait for each other instead of deadlocking.
   */
  readonly target?: string;
  /**
   * Called, before the write of the call is fulfilled, when the statement was not committed: the database is away and the
   * row waits on disk, or the database refused the statement and the row was stored without it.
   */
  missed(reason: Error): void | Promise<void>;
}

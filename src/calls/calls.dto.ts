/** What was cancelled. */
export class CancelledDto {
  /**
   * Ids of the calls, as in X-Call-Id: several where they came under one X-Request-Id.
   * @example ['01912f6e-5c1a-7b3e-9f00-5a1b2c3d4e5f']
   */
  cancelled!: string[];
}

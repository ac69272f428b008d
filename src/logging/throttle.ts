/**
 * Keeps events that come by the thousand from filling the log: the first is logged at once, and after that at most one
 * an interval, the latest, with the number of events that it stands for.
 */
export class Throttle<Event> {
  #timer: NodeJS.Timeout | undefined;
  #held: { event: Event; count: number } | undefined;

  /** @param intervalMs milliseconds between two events that are logged */
  constructor(
    private readonly intervalMs: number,
    private readonly tell: (event: Event, count: number) => void,
  ) {}

  /** @param count how many events this one is */
  add(event: Event, count = 1): void {
    if (this.#timer === undefined) this.#tell(event, count);
    else this.#held = { event, count: (this.#held?.count ?? 0) + count };
  }

  /** Logs what is held back; for the end of the process. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    this.#held = undefined;
    if (held) this.#tell(held.event, held.count);
  }

  #tell(event: Event, count: number): void {
    this.#timer = setTimeout(() => {
      this.flush();
    }, this.intervalMs).unref();
    this.tell(event, count);
  }
}

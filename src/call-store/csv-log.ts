import { Logger } from '@nestjs/common';
import { CALL_COLUMNS, type CsvRow } from '../csv/call-row.js';
import { RotatingCsv } from '../csv/rotating-csv.js';
import { csvHeader, csvLine } from '../csv/write-csv.js';
import { Throttle } from '../logging/throttle.js';

/** Where the CSV log goes. */
export interface CsvLogOptions {
  /** The file; its folder is made. */
  readonly path: string;
  /** The file is put aside before it grows beyond this many bytes. */
  readonly maxBytes: number;
}

/** Bytes that may wait for a disk that does not keep up; a single line may have more. */
const MAX_WAITING_BYTES = 16 * 1_048_576;

/** Milliseconds between two complaints. */
const COMPLAIN_EVERY_MS = 60_000;

/** Appends a line per chat call to a CSV file, in order and beside the calls: what goes wrong here never fails one. */
export class CsvLog {
  readonly #logger = new Logger('CsvLog');
  readonly #file: RotatingCsv;
  readonly #complaints = new Throttle<string>(COMPLAIN_EVERY_MS, (reason) => {
    this.#logger.error({
      message: 'rows are missing in the CSV log: see to its folder, its rights and the free space',
      path: this.options.path,
      reason,
      lost: this.#lost,
    });
  });
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  #closed = false;
  #lost = 0;

  constructor(private readonly options: CsvLogOptions) {
    this.#file = new RotatingCsv(options.path, csvHeader(CALL_COLUMNS), options.maxBytes);
  }

  /** How many rows did not reach the file since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes a row, to be written as soon as those before it are. */
  append(row: CsvRow): void {
    const line = Buffer.from(csvLine(CALL_COLUMNS, row));
    if (this.#closed) this.#lose(1, 'it is closed');
    else if (this.#waitingBytes > 0 && this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
      this.#lose(1, 'the disk does not keep up');
    } else {
      this.#waiting.push(line);
      this.#waitingBytes += line.length;
      this.#writing ??= this.#write();
    }
  }

  /** Takes no more rows, and resolves once those that were taken are in the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    this.#complaints.flush();
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        this.#takeOff(await this.#file.append(this.#waiting));
      } catch (error) {
        this.#lose(this.#waiting.length, String(error));
        this.#takeOff(this.#waiting.length);
      }
    }
    this.#writing = undefined;
  }

  /** Takes the first rows off the queue. */
  #takeOff(count: number): void {
    for (const line of this.#waiting.splice(0, count)) this.#waitingBytes -= line.length;
  }

  #lose(rows: number, reason: string): void {
    this.#lost += rows;
    this.#complaints.add(reason, rows);
  }
}

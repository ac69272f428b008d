import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { VERSION } from '../common/version.js';
import { sql } from 'kysely';
import { isConnectionLost } from '../database/connection.js';
import { DatabaseService } from '../database/database.service.js';

/** How often an instance says that it lives. */
const BEAT_EVERY_MS = 10_000;

/** This running service among those on the same database: by its heartbeat the others know that its calls still run. */
@Injectable()
export class Instance implements OnModuleInit, OnApplicationShutdown {
  readonly id = randomUUID();
  #beats: NodeJS.Timeout | undefined;

  constructor(private readonly database: DatabaseService) {}

  onModuleInit(): void {
    this.database.whenUp(() => void this.#beat());
    this.#beats = setInterval(() => void this.#beat(), BEAT_EVERY_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.#beats);
  }

  async #beat(): Promise<void> {
    if (this.database.problem !== undefined) return;
    const { db } = this.database;
    try {
      await db
        .insertInto('instances')
        .values({ id: this.id, host: hostname(), version: VERSION })
        .onConflict((conflict) => conflict.column('id').doUpdateSet({ seen_at: sql`now()` }))
        .execute();
    } catch (error) {
      if (isConnectionLost(error)) this.database.lost(error);
    }
  }
}

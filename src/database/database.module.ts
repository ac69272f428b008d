import { Module } from '@nestjs/common';
import { DatabaseService } from './database.service.js';

/** The store. */
@Module({ providers: [DatabaseService], exports: [DatabaseService] })
export class DatabaseModule {}

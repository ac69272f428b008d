import { Module } from '@nestjs/common';
import { DatabaseModule } from '../database/database.module.js';
import { Jobs } from './jobs.js';

/** Work in the background. */
@Module({ imports: [DatabaseModule], providers: [Jobs], exports: [Jobs] })
export class JobsModule {}

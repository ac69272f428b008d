import { Module } from '@nestjs/common';
import { LocalKey } from './local-key.js';

/** What access keeps beyond a single request. */
@Module({ providers: [LocalKey], exports: [LocalKey] })
export class AccessModule {}

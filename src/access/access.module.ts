import { Module } from '@nestjs/common';
import { LocalKey } from './local-key.js';
import { RefusedLogins } from './refused-logins.js';

/** What access keeps beyond a single request. */
@Module({ providers: [LocalKey, RefusedLogins], exports: [LocalKey, RefusedLogins] })
export class AccessModule {}

import { Module } from '@nestjs/common';
import { EngineService } from './engine.service.js';

/** The boundary to the engines. */
@Module({ providers: [EngineService], exports: [EngineService] })
export class EngineModule {}

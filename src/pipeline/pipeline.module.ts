import { Module } from '@nestjs/common';
import { CallsModule } from '../calls/calls.module.js';
import { CallStoreModule } from '../call-store/call-store.module.js';
import { EngineModule } from '../engine/engine.module.js';
import { Pipeline } from './pipeline.js';

/** The pipeline. */
@Module({
  imports: [EngineModule, CallsModule, CallStoreModule],
  providers: [Pipeline],
  exports: [Pipeline],
})
export class PipelineModule {}

import { Module } from '@nestjs/common';
import { EngineModule } from '../engine/engine.module.js';
import { PipelineModule } from '../pipeline/pipeline.module.js';
import { OpenAiController } from './openai.controller.js';
import { OpenAiService } from './openai.service.js';

/** OpenAI's own surface, so that every SDK and tool that speaks it works with a changed base URL. */
@Module({
  imports: [EngineModule, PipelineModule],
  controllers: [OpenAiController],
  providers: [OpenAiService],
})
export class OpenAiModule {}

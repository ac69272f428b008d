import { type DynamicModule, Module } from '@nestjs/common';
import { AccessModule } from './access/access.module.js';
import { CallLogModule } from './call-log/call-log.module.js';
import { ChatModule } from './chat/chat.module.js';
import { ConfigModule } from './config/config.module.js';
import type { Settings } from './config/settings.js';
import { FeedbackModule } from './feedback/feedback.module.js';
import { HealthModule } from './health/health.module.js';
import { InterviewModule } from './interview/interview.module.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { OpenAiModule } from './openai/openai.module.js';
import { ReportModule } from './report/report.module.js';

/** The service: a module per kind of question, the call log, health, and who may see what. */
@Module({})
export class AppModule {
  static forRoot(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ConfigModule.forRoot(settings),
        AccessModule,
        ChatModule,
        FeedbackModule,
        InterviewModule,
        ReportModule,
        OpenAiModule,
        CallLogModule,
        HealthModule,
        MetricsModule,
      ],
    };
  }
}

import { Controller, HttpCode, Param, Post } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Requires } from '../access/access.js';
import { ServiceError } from '../common/errors.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { CancelledDto } from './calls.dto.js';
import { RunningCalls } from './running-calls.js';

@ApiTags('Calls')
@Controller('api/calls')
export class CallsController {
  constructor(private readonly running: RunningCalls) {}

  /**
   * Cancels a running call and ends the engine's work on it.
   * @remarks The id is the call's own (X-Call-Id) or that of its request (X-Request-Id), which a caller who still
   * waits knows alone. Only calls of the same key are found. Whoever waits for the call gets CANCELLED.
   */
  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('inference')
  cancel(@Param('id') id: string, @Context() context: RequestContext): CancelledDto {
    const cancelled = this.running.cancel(id, context.caller);
    if (cancelled.length > 0) return { cancelled };
    throw new ServiceError(
      'CALL_NOT_FOUND',
      'No running call of this key has that X-Call-Id or X-Request-Id; it may be over.',
    );
  }
}

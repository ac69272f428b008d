import { Body, Controller, Get, Headers, HttpCode, Param, Post, Res } from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Requires } from '../access/access.js';
import { ServiceError } from '../common/errors.js';
import { Context, type RequestContext } from '../common/request-context.js';
import { apiSchema } from '../schema/api-schema.js';
import { chatRequestSchema, readChatRequest } from './chat-request.js';
import { completionRequestSchema, readCompletionRequest } from './completion-request.js';
import { embeddingRequestSchema, readEmbeddingRequest } from './embedding-request.js';
import { type ModelCard, type ModelList, OpenAiService } from './openai.service.js';

@ApiTags('OpenAI')
@Controller('v1')
export class OpenAiController {
  constructor(private readonly service: OpenAiService) {}

  /** Lists the models that are served. */
  @Get('models')
  @Requires('inference')
  models(): ModelList {
    return this.service.models();
  }

  /** Describes one model; its name may hold slashes. */
  @Get('models/*')
  @Requires('inference')
  model(@Param('*') id: string): ModelCard {
    return this.service.model(id);
  }

  /**
   * Goes on with a conversation, in OpenAI's shape.
   * @remarks With the header `X-Validate: true` a reply under a `json_schema` is checked and asked for again like the
   * service's own (docs/openai.md).
   */
  @Post('chat/completions')
  @ApiBody({ schema: apiSchema({ documented: chatRequestSchema }) })
  @ApiOkResponse({ description: 'A chat.completion object; with stream: true its chunks as events.' })
  @HttpCode(200)
  @Requires('inference')
  async chat(
    @Body() body: unknown,
    @Headers('x-validate') validate: string | undefined,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const request = readChatRequest(body);
    return json(
      reply,
      isChecked(validate)
        ? await this.service.checkedChat(request, body as object, context)
        : await this.service.chat(request, body as object, context),
    );
  }

  /** Goes on with a raw text, chat marks and all, in OpenAI's shape. */
  @Post('completions')
  @ApiBody({ schema: apiSchema({ documented: completionRequestSchema }) })
  @ApiOkResponse({ description: 'A text_completion object; with stream: true its chunks as events.' })
  @HttpCode(200)
  @Requires('inference')
  async complete(
    @Body() body: unknown,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return json(reply, await this.service.complete(readCompletionRequest(body), body as object, context));
  }

  /** Makes vectors of texts, where EMBEDDING_URL names a server for it. */
  @Post('embeddings')
  @ApiBody({ schema: apiSchema({ documented: embeddingRequestSchema }) })
  @ApiOkResponse({ description: 'A list of embeddings.' })
  @HttpCode(200)
  @Requires('inference')
  async embed(
    @Body() body: unknown,
    @Context() context: RequestContext,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    return json(reply, await this.service.embed(readEmbeddingRequest(body), body as object, context));
  }
}

/**
 * Whether a reply is to be checked, by the header X-Validate.
 * @throws ServiceError VALIDATION_FAILED for a value that could be meant either way
 */
function isChecked(validate = 'false'): boolean {
  const value = validate.toLowerCase();
  if (value === 'true' || value === 'false') return value === 'true';
  throw new ServiceError('VALIDATION_FAILED', 'The header X-Validate is neither true nor false.', {
    errors: [{ path: '', message: 'the header X-Validate must be true or false' }],
  });
}

/** The engine's own text goes out as it is, so it is not written anew. */
function json(reply: FastifyReply, text: string): string {
  reply.type('application/json; charset=utf-8');
  return text;
}

import { Injectable } from '@nestjs/common';
import { ServiceError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { EngineService } from '../engine/engine.service.js';
import type { RelayRequest } from '../engine/relay-request.js';
import { admitSchema } from '../schema/admission.js';
import type { CallOptions } from '../pipeline/call-options.js';
import type { Task } from '../pipeline/define-task.js';
import type { Rewrite } from '../pipeline/out/relay-stream.js';
import { Pipeline } from '../pipeline/pipeline.js';
import type { ChatRequest } from './chat-request.js';
import type { CompletionRequest } from './completion-request.js';
import type { EmbeddingRequest } from './embedding-request.js';
import { streamOf, withoutNullNames } from './completion-events.js';
import { neutralised, restoreText, restoringRewrite } from './message-marks.js';

const chatTask: Task = { name: 'v1_chat', lane: 'interactive', delivery: 'whole', thinking: false };
const completionTask: Task = { ...chatTask, name: 'v1_completions' };
const embeddingTask: Task = { ...chatTask, name: 'v1_embeddings' };

/** A model as OpenAI's clients read it. */
export interface ModelCard {
  readonly id: string;
  readonly object: 'model';
  /** Seconds since 1970 at which the service started. */
  readonly created: number;
  readonly owned_by: string;
  /** Tokens of its context, where the engine tells. */
  readonly max_model_len?: number;
}

export interface ModelList {
  readonly object: 'list';
  readonly data: readonly ModelCard[];
}

/** Passes OpenAI's requests on, rebuilt from what was checked. */
@Injectable()
export class OpenAiService {
  readonly #startedAt = Math.floor(Date.now() / 1000);

  constructor(
    private readonly settings: Settings,
    private readonly engine: EngineService,
    private readonly runner: Pipeline,
  ) {}

  models(): ModelList {
    const served = this.engine.models();
    // OpenAI's own list is not read: of its models the one of the settings is the one that is meant.
    const models = served.length > 0 ? served : [{ id: this.settings.modelName, contextTokens: undefined }];
    return {
      object: 'list',
      data: models.map(({ id, contextTokens }) => ({
        id,
        object: 'model',
        created: this.#startedAt,
        owned_by: this.engine.dialect.provider,
        ...(contextTokens !== undefined && { max_model_len: contextTokens }),
      })),
    };
  }

  /** @throws ServiceError MODEL_NOT_FOUND */
  model(id: string): ModelCard {
    const { data } = this.models();
    const card = data.find((one) => one.id === id);
    if (card) return card;
    const served = data.map((one) => one.id).join(', ');
    throw new ServiceError('MODEL_NOT_FOUND', `The engine serves ${served}.`);
  }

  /** @returns the reply's JSON; nothing where it was streamed */
  async chat(request: ChatRequest, context: RequestContext): Promise<string | undefined> {
    const admitted = withAdmittedSchemas(request);
    const { messages, changed } = neutralised(admitted.messages);
    const relay = this.#relayed('/v1/chat/completions', { ...admitted, messages });
    const rewrite = rewriteOf(request, changed);
    const restore = changed ? restoreText : undefined;
    const reply = await this.runner.runRelay(chatTask, relay, optionsOf(request), context, rewrite, restore);
    return reply?.text;
  }

  /**
   * Like {@link chat}, with the guarantee of the service's own routes for a reply under a schema.
   * @throws ServiceError STRUCTURED_OUTPUT_INVALID besides all others
   */
  async checkedChat(request: ChatRequest, context: RequestContext): Promise<string | undefined> {
    const { response_format: format, stream, stream_options: streamOptions, ...rest } = request;
    if (format?.type !== 'json_schema') throw cannotCheck('/response_format', 'must be a json_schema');
    if (request.tools) throw cannotCheck('/tools', 'cannot be combined with it');
    if ((request.n ?? 1) > 1) throw cannotCheck('/n', 'must be 1 with it');
    const { name, schema } = format.json_schema;
    const admitted = admitSchema(schema, '/response_format/json_schema/schema');
    const { messages } = neutralised(request.messages);
    const relay = this.#relayed('/v1/chat/completions', {
      ...rest,
      response_format: { ...format, json_schema: { ...format.json_schema, schema: admitted.schema } },
      messages,
    });
    const schemaTask = { ...chatTask, schema: { name, check: admitted.check } };
    const wantsUsage = streamOptions?.include_usage === true;
    const toEvents = stream === true ? (text: string) => streamOf(text, wantsUsage) : undefined;
    const reply = await this.runner.runCheckedRelay(schemaTask, relay, optionsOf(request), context, toEvents);
    return reply?.text;
  }

  /** @returns the reply's JSON; nothing where it was streamed */
  async complete(request: CompletionRequest, context: RequestContext): Promise<string | undefined> {
    const prompts = Array.isArray(request.prompt) ? request.prompt.length : 1;
    const relay = { ...this.#relayed('/v1/completions', request), choices: prompts * (request.n ?? 1) };
    const reply = await this.runner.runRelay(completionTask, relay, optionsOf(request), context);
    return reply?.text;
  }

  /** @throws ServiceError NOT_CONFIGURED */
  async embed(request: EmbeddingRequest, context: RequestContext): Promise<string | undefined> {
    const relay: RelayRequest = { path: '/v1/embeddings', body: request };
    const reply = await this.runner.runRelay(embeddingTask, relay, optionsOf(request), context);
    return reply?.text;
  }

  #relayed(path: RelayRequest['path'], request: Omit<ChatRequest, 'user'> | CompletionRequest): RelayRequest {
    const body = { model: this.settings.modelName, ...request };
    const maxTokens =
      ('max_completion_tokens' in body ? body.max_completion_tokens : undefined) ?? body.max_tokens;
    return { path, body, maxTokens, wantsUsage: request.stream_options?.include_usage === true };
  }
}

function optionsOf({
  model,
  user,
  stream,
}: {
  model?: string;
  user?: string;
  stream?: boolean;
}): CallOptions {
  return {
    ...(model !== undefined && { model }),
    ...(user !== undefined && { userId: user }),
    stream: stream === true,
  };
}

/** What is changed about a reply: chat marks where there were any, and how SGLang streams the calls of functions. */
function rewriteOf({ stream = false, tools }: ChatRequest, hadMarks: boolean): Rewrite | undefined {
  const restore = hadMarks ? restoringRewrite(stream) : undefined;
  if (!stream || !tools) return restore;
  return restore ? (data) => withoutNullNames(restore(data)) : withoutNullNames;
}

/** Callers' schemas reach an engine's grammar compiler only in the form in which they were admitted. */
function withAdmittedSchemas(request: ChatRequest): ChatRequest {
  const { response_format: format, tools } = request;
  if (format?.type !== 'json_schema' && !tools) return request;
  return {
    ...request,
    ...(format?.type === 'json_schema' && {
      response_format: {
        ...format,
        json_schema: {
          ...format.json_schema,
          schema: admitSchema(format.json_schema.schema, '/response_format/json_schema/schema').schema,
        },
      },
    }),
    ...(tools && {
      tools: tools.map((tool, index) => {
        const { parameters } = tool.function;
        if (parameters === undefined) return tool;
        const { schema } = admitSchema(parameters, `/tools/${index}/function/parameters`);
        return { ...tool, function: { ...tool.function, parameters: schema } };
      }),
    }),
  };
}

function cannotCheck(path: string, message: string): ServiceError {
  return new ServiceError('VALIDATION_FAILED', 'X-Validate: true does not fit this request.', {
    errors: [{ path, message }],
  });
}

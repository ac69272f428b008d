import { Injectable } from '@nestjs/common';
import { ServiceError } from '../common/errors.js';
import type { RequestContext } from '../common/request-context.js';
import { Settings } from '../config/settings.js';
import { EngineService } from '../engine/engine.service.js';
import type { RelayPath, RelayRequest } from '../engine/engine-request.js';
import type { Question } from '../calls/call.js';
import { checkedRelay } from '../pipeline/ask/checked-relay.js';
import { relay, type RelayedReply } from '../pipeline/ask/relay.js';
import { Pipeline } from '../pipeline/pipeline.js';
import { admitSchema } from '../schema/admission.js';
import type { ChatRequest } from './chat-request.js';
import { ChunkSink } from './chunk-sink.js';
import { toolCallEvents } from './completion-events.js';
import type { CompletionRequest } from './completion-request.js';
import type { EmbeddingRequest } from './embedding-request.js';
import { chatTask, completionTask, embeddingTask } from './openai.task.js';

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
    private readonly pipeline: Pipeline,
  ) {}

  models(): ModelList {
    const served = this.engine.models();
    // OpenAI's own list is not read: of its models the one of the settings is the one that is meant.
    const { modelName: id, engineKind: provider } = this.settings;
    const models = served.length > 0 ? served : [{ id, contextTokens: undefined, provider }];
    return {
      object: 'list',
      data: models.map(({ id, contextTokens, provider }) => ({
        id,
        object: 'model',
        created: this.#startedAt,
        owned_by: provider,
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

  /** @returns the reply's JSON; empty where it was streamed */
  chat(request: ChatRequest, sent: object, context: RequestContext): Promise<string> {
    const admitted = withAdmittedSchemas(request);
    const passed = this.#passed('/v1/chat/completions', admitted);
    const rewrite = request.stream && request.tools ? toolCallEvents : undefined;
    return this.#run(relay(chatTask, passed, { sent, rewrite }), request, context);
  }

  /**
   * Like {@link chat}, with the guarantee of the service's own routes for a reply under a schema.
   * @throws ServiceError STRUCTURED_OUTPUT_INVALID besides all others
   */
  checkedChat(request: ChatRequest, sent: object, context: RequestContext): Promise<string> {
    const { response_format: format, stream: _, stream_options: options, ...rest } = request;
    if (format?.type !== 'json_schema') throw cannotCheck('/response_format', 'must be a json_schema');
    if (request.tools) throw cannotCheck('/tools', 'cannot be combined with it');
    if ((request.n ?? 1) > 1) throw cannotCheck('/n', 'must be 1 with it');
    const { name, schema } = format.json_schema;
    const admitted = admitSchema(schema, '/response_format/json_schema/schema');
    const passed = this.#passed('/v1/chat/completions', {
      ...rest,
      response_format: { ...format, json_schema: { ...format.json_schema, schema: admitted.schema } },
    });
    const question = checkedRelay(
      chatTask,
      { name, check: admitted.check },
      { ...passed, wantsUsage: options?.include_usage === true },
      { sent },
    );
    return this.#run(question, request, context);
  }

  /** @returns the reply's JSON; empty where it was streamed */
  complete(request: CompletionRequest, sent: object, context: RequestContext): Promise<string> {
    const prompts = Array.isArray(request.prompt) ? request.prompt.length : 1;
    const passed = { ...this.#passed('/v1/completions', request), choices: prompts * (request.n ?? 1) };
    return this.#run(relay(completionTask, passed, { sent }), request, context);
  }

  /** @throws ServiceError NOT_CONFIGURED */
  embed(request: EmbeddingRequest, sent: object, context: RequestContext): Promise<string> {
    const model = request.model ?? this.settings.modelName;
    const passed: RelayRequest = { path: '/v1/embeddings', body: request, model, delivery: 'whole' };
    return this.#run(relay(embeddingTask, passed, { sent }), request, context);
  }

  async #run(
    question: Question<RelayedReply>,
    { user, stream }: { readonly user?: string; readonly stream?: boolean },
    context: RequestContext,
  ): Promise<string> {
    const call = context.newCall(user === undefined ? {} : { userId: user });
    const sink = stream === true ? new ChunkSink(context, call) : undefined;
    const { reply } = await this.pipeline.run(question, call, sink);
    return reply.json;
  }

  #passed(path: RelayPath, request: Omit<ChatRequest, 'user'> | CompletionRequest): RelayRequest {
    const body = { model: this.settings.modelName, ...request };
    const maxTokens =
      ('max_completion_tokens' in body ? body.max_completion_tokens : undefined) ?? body.max_tokens;
    return {
      path,
      body,
      model: body.model,
      delivery: request.stream === true ? 'stream' : 'whole',
      maxTokens,
      wantsUsage: request.stream_options?.include_usage === true,
    };
  }
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

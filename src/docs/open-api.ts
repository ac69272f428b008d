import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { type ErrorCode, ERRORS, type Problem, ServiceError, toProblem } from '../common/errors.js';
import { registeredTasks } from '../calls/task-registry.js';
import { VERSION } from '../common/version.js';
import { ProblemDto } from './problem.dto.js';

/** Written by the build beside the compiled code; named by a variable because it does not exist when types are checked. */
const PLUGIN_METADATA = ['..', 'metadata.js'].join('/');

const DESCRIPTION = `Typed, always valid answers from a language model, for an AI-interview product.

Facts about a call that are not its answer are in headers: \`X-Request-Id\` (yours, when you send a sane one), \`X-Call-Id\`,
\`X-Model\`, \`X-Provider\` (sglang, vllm, openai or stub), \`X-Attempts\`, \`Server-Timing\`, and for a chat \`X-Finish-Reason\`
(\`length\` where max_tokens cut it). Errors are problem+json with a stable \`code\`.`;

/** Errors that no route documents: there is no such route, only logs show them, or no guardrail is set up. */
const ELSEWHERE: ReadonlySet<ErrorCode> = new Set([
  'GUARD_BLOCKED',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'CANCELLED',
  'DATABASE_UNAVAILABLE',
  'QUERY_TOO_SLOW',
]);

/** Questions whose answer never comes as a stream of events. */
const NEVER_STREAMED: ReadonlySet<string> = new Set(['/chat', '/api/chat']);

const text = (description: string) => ({ description, schema: { type: 'string' } });

/** Headers of an answer: facts about the call. */
const CALL_HEADERS = {
  'X-Request-Id': text('Yours, when you sent a sane one.'),
  'X-Call-Id': text('The call, as the log names it.'),
  'X-Model': text('The model that answered, by the engine’s own word.'),
  'X-Provider': text('sglang, vllm, openai or stub.'),
  'X-Attempts': { description: 'How often the engine was asked.', schema: { type: 'integer' } },
  'X-Finish-Reason': text('Chat only: stop, or length where max_tokens cut the answer.'),
  'Server-Timing': text('Milliseconds: queue, engine, service.'),
};

/** What a caller gets who asks for a stream. */
const EVENTS = {
  schema: {
    type: 'string',
    description:
      'With stream: true or Accept: text/event-stream. Events: delta or field.delta and field.done, reset, and at the end one result or one error (docs/streaming.md).',
  },
  example: 'id: 1\nevent: field.delta\ndata: {"path":"/message","text":"방금"}\n\n',
};

/** Describes the API from its controllers and DTOs. */
export async function createOpenApiDocument(app: INestApplication): Promise<OpenAPIObject> {
  const { default: metadata } = (await import(PLUGIN_METADATA)) as {
    default: () => Promise<Record<string, unknown>>;
  };
  await SwaggerModule.loadPluginMetadata(metadata);
  const config = new DocumentBuilder()
    .setTitle('LLM Service')
    .setDescription(DESCRIPTION)
    .setVersion(VERSION)
    .setOpenAPIVersion('3.1.0')
    .addBearerAuth({
      type: 'http',
      description:
        'A secret from API_KEYS. Without any, on the machine itself: none to ask, and to read the one in DATA_DIR/local-key.',
    })
    .addTag('Ask', 'Questions to the model')
    .addTag('Calls', 'Calls that run, and the log of all calls')
    .addTag('OpenAI', 'OpenAI’s own surface; errors have its shape')
    .addTag('Health', 'State of the service')
    .build();
  const document = SwaggerModule.createDocument(app, config, { extraModels: [ProblemDto] });
  completeQuestions(document);
  nameTasks(document);
  return document;
}

/** What is the same for every question and would only repeat itself at each controller method. */
function completeQuestions(document: OpenAPIObject): void {
  const errors = errorResponses();
  const examples = Object.assign({}, ...registeredTasks().map((task) => task.examples)) as Record<
    string,
    object
  >;
  for (const [path, { post }] of Object.entries(document.paths)) {
    if (!post?.tags?.includes('Ask')) continue;
    Object.assign(post.responses, errors);
    Object.assign(post.responses['200'] ?? {}, { description: 'The answer.', headers: CALL_HEADERS });
    const answer = post.responses['200'] as { content?: Record<string, object> } | undefined;
    if (!NEVER_STREAMED.has(path)) Object.assign(answer?.content ?? {}, { 'text/event-stream': EVENTS });
    const body = post.requestBody as { content: Record<string, { example?: unknown }> };
    for (const media of Object.values(body.content)) media.example = examples[path];
  }
}

/** Fills in the values of every parameter that takes the name of a task. */
function nameTasks(document: OpenAPIObject): void {
  const names = registeredTasks().map(({ name }) => name);
  for (const { get } of Object.values(document.paths)) {
    for (const parameter of get?.parameters ?? []) {
      if ('in' in parameter && parameter.name === 'task') parameter.schema = { type: 'string', enum: names };
    }
  }
}

/** Status -> the codes that come with it, each with its example. */
function errorResponses(): Record<string, object> {
  const schema = { $ref: getSchemaPath(ProblemDto) };
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => !ELSEWHERE.has(code));
  const byStatus = Object.groupBy(codes, (code) => ERRORS[code].status);
  const responses = Object.entries(byStatus).map(([status, those = []]) => {
    const examples = Object.fromEntries(those.map((code) => [code, { value: exampleOf(code) }]));
    const content = { 'application/problem+json': { schema, examples } };
    return [status, { description: those.join(', '), content }] as const;
  });
  return Object.fromEntries(responses);
}

function exampleOf(code: ErrorCode): Problem {
  const errors = [{ path: '/messages/0/role', message: 'role must be one of the following values: …' }];
  const extras = code === 'VALIDATION_FAILED' ? { errors } : {};
  return toProblem(new ServiceError(code, 'What happened this time.', extras), 'req-0042');
}

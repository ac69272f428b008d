import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, getSchemaPath, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ERRORS } from '../common/errors.js';
import { VERSION } from '../common/version.js';
import { ProblemDto } from './problem.dto.js';

/** Written by the build beside the compiled code; named by a variable because it does not exist when types are checked. */
const PLUGIN_METADATA = ['..', 'metadata.js'].join('/');

const DESCRIPTION = `Typed, always valid answers from a language model, for an AI-interview product.

Facts about a call that are not its answer are in headers: \`X-Request-Id\` (yours, when you send a sane one), \`X-Call-Id\`,
\`X-Model\`, \`X-Provider\` (sglang, vllm, openai or stub), \`X-Attempts\`, \`Server-Timing\`. Errors are problem+json with a stable \`code\`.`;

/** Statuses that a question to the model can end with, besides 200. */
const ASK_ERRORS = [400, 401, 403, 404, 413, 415, 502, 503, 504];

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
      description: 'A secret from API_KEYS; not needed on the machine itself without keys.',
    })
    .addTag('Ask', 'Questions to the model')
    .addTag('Health', 'State of the service')
    .build();
  const document = SwaggerModule.createDocument(app, config, { extraModels: [ProblemDto] });
  addErrors(document);
  return document;
}

/** Every question can fail in the same ways; saying so at each controller method would only repeat it. */
function addErrors(document: OpenAPIObject): void {
  const content = { 'application/problem+json': { schema: { $ref: getSchemaPath(ProblemDto) } } };
  for (const { post } of Object.values(document.paths)) {
    if (!post?.tags?.includes('Ask')) continue;
    post.security = [{ bearer: [] }];
    for (const status of ASK_ERRORS) {
      const codes = Object.entries(ERRORS).filter(([, entry]) => entry.status === status);
      post.responses[status] = { description: codes.map(([code]) => code).join(', '), content };
    }
  }
}

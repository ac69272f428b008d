import type { ApiResponseSchemaHost } from '@nestjs/swagger';
import type { ReplySchema } from './define-schema.js';

/** What the OpenAPI document shows of a reply's schema. */
export function apiSchema(schema: ReplySchema): ApiResponseSchemaHost['schema'] {
  return structuredClone(schema.documented) as ApiResponseSchemaHost['schema'];
}

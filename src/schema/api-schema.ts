import type { ApiResponseSchemaHost } from '@nestjs/swagger';

/** What the OpenAPI document shows of a schema. */
export function apiSchema({ documented }: { readonly documented: object }): ApiResponseSchemaHost['schema'] {
  return JSON.parse(JSON.stringify(documented)) as ApiResponseSchemaHost['schema'];
}

import { field, isString } from './fields.js';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import type { JsonSchema } from './types.js';

/** The schema that `response_format` asks the reply to follow, if it asks. */
export function readResponseFormat(body: JsonObject): JsonSchema | undefined {
  const format = field(body, 'response_format', isJsonObject, 'dictionary');
  if (!format) return undefined;
  switch (format.type) {
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'object' };
    case 'json_schema':
      return readJsonSchema(format);
  }
  throw new Refusal("Input should be 'text', 'json_object', 'json_schema' or 'structural_tag'", {
    param: 'response_format',
    issue: { type: 'literal_error', location: ['body', 'response_format', 'type'], input: format },
  });
}

function readJsonSchema(format: JsonObject): JsonSchema {
  const wrapper = field(format, 'json_schema', isJsonObject, 'dictionary');
  if (wrapper && !isString(wrapper.name)) {
    throw new Refusal('Field required', {
      param: 'response_format',
      issue: {
        type: 'missing',
        location: ['body', 'response_format', 'json_schema', 'name'],
        input: wrapper,
      },
    });
  }
  const schema = field(wrapper ?? format, 'schema', isJsonObject, 'dictionary');
  if (schema) return schema;
  throw new Refusal('schema_ is required for json_schema response format request.', {
    param: 'response_format',
  });
}

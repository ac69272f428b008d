import Type, { type Static } from 'typebox';
import { closed, commonFields, REFUSED_FIELDS } from './request-fields.js';
import { requestReader } from './request-reader.js';
import { hasColon, tokenHint } from './request-rules.js';

const text = Type.String({ minLength: 1 });

/** Body of POST /v1/embeddings. null means absent. */
export const embeddingRequestSchema = closed(
  {
    ...commonFields,
    input: Type.Union([text, Type.Array(text, { minItems: 1, maxItems: 2048 })], {
      description: 'The text, or 1 to 2,048 texts, to make vectors of. No token ids.',
    }),
    dimensions: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 4096,
        description: 'Length of the vectors, where the model can choose.',
      }),
    ),
    encoding_format: Type.Optional(
      Type.Enum(['float', 'base64'], { type: 'string', description: 'How the vectors are written.' }),
    ),
  },
  'Texts to make vectors of. null means absent.',
);

/** What a caller asks of /v1/embeddings, checked. */
export type EmbeddingRequest = Static<typeof embeddingRequestSchema>;

/**
 * Reads a parsed body.
 * @throws ServiceError VALIDATION_FAILED
 */
export const readEmbeddingRequest: (body: unknown) => EmbeddingRequest = requestReader({
  schema: embeddingRequestSchema,
  refused: REFUSED_FIELDS,
  hints: [tokenHint('input')],
  rules: hasColon,
});

import { field, isInteger, isString, isTextOrTexts, missingField } from '../fields.js';
import type { JsonObject } from '../json.js';
import { Refusal } from '../refusal.js';

/** The fields of an embedding request that the stub acts on. As in SGLang, others are ignored and null is absent. */
export interface EmbeddingRequest {
  model: string | undefined;
  texts: string[];
  dimensions: number;
  encoding: 'float' | 'base64';
}

/** OpenAI's limit. */
const MOST_TEXTS = 2048;

const DEFAULT_DIMENSIONS = 256;

/** The dimensions of Qwen3-Embedding-8B. */
const MOST_DIMENSIONS = 4096;

/** Checks the values of an embedding request; throws a {@link Refusal} for the first wrong one. */
export function readEmbeddingRequest(body: JsonObject): EmbeddingRequest {
  return {
    model: field(body, 'model', isString, 'string'),
    texts: readTexts(body),
    dimensions: readDimensions(body),
    encoding: readEncoding(body),
  };
}

function readTexts(body: JsonObject): string[] {
  const input = field(body, 'input', isTextOrTexts, 'string or list of strings');
  if (input === undefined) throw missingField(body, 'input');
  if (input.length === 0) throw refusalOf('Input cannot be empty');
  if (isString(input)) {
    if (input.trim() === '') throw refusalOf('Input cannot be empty or whitespace only');
    return [input];
  }
  const blank = input.findIndex((text) => text.trim() === '');
  if (blank >= 0) throw refusalOf(`Input at index ${blank} cannot be empty or whitespace only`);
  if (input.length <= MOST_TEXTS) return input;
  throw refusalOf(
    `Invalid 'input': array too long. Expected an array with maximum length ${MOST_TEXTS}, but instead got an array with length ${input.length}.`,
  );
}

function refusalOf(message: string): Refusal {
  return new Refusal(message, { param: 'input' });
}

function readDimensions(body: JsonObject): number {
  const dimensions = field(body, 'dimensions', isInteger, 'integer') ?? DEFAULT_DIMENSIONS;
  if (dimensions >= 1 && dimensions <= MOST_DIMENSIONS) return dimensions;
  throw new Refusal(`The stub makes 1 to ${MOST_DIMENSIONS} dimensions, got ${dimensions}.`, {
    param: 'dimensions',
  });
}

function readEncoding(body: JsonObject): 'float' | 'base64' {
  const encoding = field(body, 'encoding_format', isString, 'string') ?? 'float';
  if (encoding === 'float' || encoding === 'base64') return encoding;
  throw new Refusal(`encoding_format must be either 'float' or 'base64', got '${encoding}'`, {
    param: 'encoding_format',
  });
}

import type { TObject } from 'typebox';
import { defineSchema, type ReplySchema } from './define-schema.js';

/** The schema of some of a schema's fields alone, to ask for what is missing of a reply. */
export function pickFields(schema: ReplySchema, fields: readonly string[]): ReplySchema {
  const { properties = {}, ...object } = schema.documented;
  const picked = Object.entries(properties).filter(([field]) => fields.includes(field));
  const part: unknown = { ...object, properties: Object.fromEntries(picked), required: fields };
  return defineSchema(`${schema.name}_from_${fields[0] ?? ''}`, part as TObject);
}

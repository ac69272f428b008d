import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { ColumnType } from '../database/binary-rows.js';
import type { CallFact } from '../calls/call-fact.js';
import { factOf, type FactName, type JsonColumn } from '../calls/call-columns.js';
import type { StoredCall } from '../call-store/calls-table.js';

/** Facts of a call as they are shown: JSON as values. */
export type ShownFacts<Name extends FactName> = {
  readonly [Column in Name]: Column extends JsonColumn ? unknown : StoredCall[Column];
};

const OBJECT = { type: 'object', additionalProperties: true } as const;

/** What the values of a column's type are in JSON. */
const SCHEMAS = {
  uuid: { type: 'string', format: 'uuid' },
  timestamptz: { type: 'string', format: 'date-time' },
  text: { type: 'string' },
  'text[]': { type: 'array', items: { type: 'string' } },
  integer: { type: 'integer' },
  real: { type: 'number' },
  boolean: { type: 'boolean' },
  json: OBJECT,
  jsonb: OBJECT,
} as const satisfies Record<ColumnType, object>;

/** A class whose properties are these facts, for the documentation of a reply. */
export function factsDto<Name extends FactName>(names: readonly Name[]): Type<ShownFacts<Name>> {
  @WithProperties(names)
  class Facts {}
  return Facts as Type<ShownFacts<Name>>;
}

function WithProperties(names: readonly FactName[]): ClassDecorator {
  return ({ prototype }) => {
    for (const name of names) ApiProperty(propertyOf(factOf(name)))(prototype as object, name);
  };
}

/** What a fact says of itself, as a sentence without links, which lead from docs/ alone. */
export function sentenceOf({ doc }: CallFact): string {
  const text = doc.replaceAll(/ \(\[[^\]]*\]\([^)]*\)\)/g, '');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function propertyOf(fact: CallFact): Parameters<typeof ApiProperty>[0] {
  const { type, values, isArray, isAlways } = fact;
  const schema = isArray ? { type: 'array', items: SCHEMAS[type] } : SCHEMAS[type];
  return {
    ...schema,
    ...(values && { enum: [...values] }),
    description: sentenceOf(fact),
    nullable: !isAlways,
  } as Parameters<typeof ApiProperty>[0];
}

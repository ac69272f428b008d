import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import type { CallFact } from '../calls/call-fact.js';
import type { CALL_FACTS } from '../calls/call-facts.js';
import { FACT_NAMES, factOf, type FactName } from '../calls/call-columns.js';
import { sentenceOf } from './facts-dto.js';
import { IsSearchText, IsTask } from './query-checks.js';

type Facts = typeof CALL_FACTS;

/** Parameters that find calls by a whole fact; what is left out filters nothing. */
export type FactParameters = {
  -readonly [
    Name in FactName as Facts[Name] extends { readonly filter: infer Parameter extends string }
      ? Parameter
      : never
  ]?: string;
};

/** Facts that a call must have exactly so, by their columns. */
export type WantedFacts = Readonly<Partial<Record<FactName, string | boolean>>>;

const FILTERS = FACT_NAMES.flatMap((column) => {
  const fact = factOf(column);
  return fact.filter === undefined ? [] : [{ parameter: fact.filter as keyof FactParameters, column, fact }];
});

const BOOLEANS = ['true', 'false'];

/** A class that has the parameters, their checks and their documentation. */
export function factParametersDto(): Type<FactParameters> {
  @WithParameters
  class Parameters {}
  return Parameters;
}

function WithParameters({ prototype }: { readonly prototype: object }): void {
  for (const { parameter, column, fact } of FILTERS) {
    for (const decorate of [...checksOf(column, fact), documentationOf(fact)]) decorate(prototype, parameter);
  }
}

function checksOf(column: FactName, { type, values }: CallFact): PropertyDecorator[] {
  if (column === 'task') return [IsOptional(), IsTask()];
  const options = type === 'boolean' ? BOOLEANS : values;
  return [IsOptional(), options ? IsIn(options) : IsSearchText()];
}

function documentationOf(fact: CallFact): PropertyDecorator {
  const { type, values } = fact;
  return ApiProperty({
    type: type === 'boolean' ? Boolean : String,
    ...(values && { enum: values }),
    // When a column is null is of no use to whoever looks for a value.
    description: sentenceOf({ ...fact, doc: fact.doc.replace(/; null.*$/, '') }),
    required: false,
  });
}

/** What checked parameters ask for. */
export function wantedFacts(query: FactParameters): WantedFacts {
  const wanted = FILTERS.flatMap(({ parameter, column, fact }) => {
    const value = query[parameter];
    if (value === undefined) return [];
    return [[column, fact.type === 'boolean' ? value === 'true' : value] as const];
  });
  return Object.fromEntries(wanted);
}

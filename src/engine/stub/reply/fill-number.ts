import type { JsonSchema } from '../types.js';

/** The whole number within a schema's bounds that is nearest to the suggestion; else one in their middle. */
export function fillInteger(schema: JsonSchema, suggestion: unknown): number {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  const { exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  const lowest = Math.max(Math.ceil(minimum), Math.floor(exclusiveMinimum) + 1);
  const highest = Math.min(Math.floor(maximum), Math.ceil(exclusiveMaximum) - 1);
  const wanted =
    typeof suggestion === 'number' ? Math.round(suggestion) : Math.floor(middle(lowest, highest));
  return Math.min(Math.max(wanted, lowest), highest);
}

/** The suggestion where a schema's bounds accept it; else a number in their middle. */
export function fillNumber(schema: JsonSchema, suggestion: unknown): number {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  const { exclusiveMinimum = -Infinity, exclusiveMaximum = Infinity } = schema;
  const isAccepted = (value: number) =>
    value >= minimum && value <= maximum && value > exclusiveMinimum && value < exclusiveMaximum;
  return typeof suggestion === 'number' && isAccepted(suggestion)
    ? suggestion
    : middle(Math.max(minimum, exclusiveMinimum), Math.min(maximum, exclusiveMaximum));
}

/** A number between two bounds, either of which may be missing. */
function middle(lowest: number, highest: number): number {
  if (Number.isFinite(lowest) && Number.isFinite(highest)) return lowest / 2 + highest / 2;
  if (Number.isFinite(lowest)) return lowest + 1;
  return Number.isFinite(highest) ? highest - 1 : 0;
}

import type { JsonText } from '../database/json-array.js';
import type { TryReport } from '../engine/try-report.js';
import type { CallRecord } from './call-record.js';
import { hundredths } from './rounding.js';

/**
 * Each try with what came of it. What came as JSON is put in byte by byte: it is most of a row, and taking it apart to
 * write it anew would cost more than the rest.
 */
export function triesJson({ tries, judgements }: CallRecord, withTexts: boolean): Buffer | null {
  if (tries.length === 0) return null;
  const judged = judgements.values();
  const objects = tries.map((one) => {
    const { id, engine, ms, fault, usage, request, reply } = one;
    const judgement = fault === undefined ? judged.next().value : undefined;
    const facts = JSON.stringify({ id, engine, ms: hundredths(ms), fault, judgement, usage });
    const parts: JsonText[] = [facts.slice(0, -1)];
    if (withTexts && !isRepeated(one, tries[0])) parts.push(',"request":', request);
    if (withTexts && reply.length > 0) {
      parts.push(',"reply":', typeof reply === 'string' ? JSON.stringify(reply) : reply);
    }
    return [...parts, '}'];
  });
  const parts = objects.flatMap((object, index) => [index === 0 ? '[' : ',', ...object]);
  return Buffer.concat([...parts, ']'].map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}

/** Whether a request is the first one again: the engine's id is all that differs. */
function isRepeated(one: TryReport, first: TryReport | undefined): boolean {
  if (one === first) return true;
  return first !== undefined && withoutId(one) === withoutId(first);
}

function withoutId({ id, request }: TryReport): string {
  return request.toString().replace(id, '');
}

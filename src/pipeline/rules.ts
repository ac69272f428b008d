import type { FieldError } from '../common/errors.js';
import type { MeaningRule } from './define-task.js';

/** A field must say something: spaces and invisible characters alone do not. */
export function notBlank<K extends string>(field: K): MeaningRule<Readonly<Record<K, string>>, unknown> {
  return (reply): FieldError | undefined =>
    /[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\s]/u.test(reply[field])
      ? undefined
      : { path: `/${field}`, message: 'must not be blank' };
}

import type { FieldError } from '../common/errors.js';
import type { Hint } from './request-errors.js';

/** Engines take what follows a colon for a LoRA adapter that they load. */
export function hasColon({ model }: { readonly model?: string }): FieldError[] {
  if (!model?.includes(':')) return [];
  const message =
    'model must not have a colon: engines read an adapter’s name behind it; ask for a served model';
  return [{ path: '/model', message }];
}

/** What is said of token ids in a field of texts. */
export function tokenHint(field: string): Hint {
  const words = 'must be text: token ids are not taken, because nobody could check what they say';
  return { at: new RegExp(`^/${field}/\\d+$`), keyword: 'type', field, words };
}

interface Generation {
  readonly model?: string;
  readonly n?: number;
  readonly stream?: boolean;
  readonly stream_options?: object;
  readonly max_tokens?: number;
  readonly max_completion_tokens?: number;
  readonly min_tokens?: number;
}

/** What holds between the fields of every route whose reply is written by a model. */
export function generationRules(request: Generation): FieldError[] {
  const errors = hasColon(request);
  const { n = 1, stream = false, stream_options: streamOptions, min_tokens: least = 0 } = request;
  if (n > 1 && stream) {
    errors.push({
      path: '/n',
      message: 'n must be 1 where stream is true: ask several times at once instead',
    });
  }
  if (streamOptions && !stream) {
    errors.push({ path: '/stream_options', message: 'stream_options needs stream to be true' });
  }
  if (least > (request.max_completion_tokens ?? request.max_tokens ?? Infinity)) {
    errors.push({
      path: '/min_tokens',
      message: 'min_tokens must not be greater than the tokens that are allowed',
    });
  }
  return errors;
}

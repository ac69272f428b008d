import type { FieldError } from '../common/errors.js';
import { refusal } from '../common/refusal.js';
import type { SmallChatRequestDto } from './small-chat.dto.js';

/** Version of the prompt where the caller names none. */
export const DEFAULT_VERSION = 'v1';

/** What is asked, and what goes with it. */
export type SmallChatQuestion =
  | { readonly kind: 'message'; readonly message: string; readonly version: string }
  | { readonly kind: 'prompt'; readonly prompt: string; readonly model: string | undefined };

/**
 * Tells the two kinds of body apart.
 * @throws ServiceError VALIDATION_FAILED where there is no question or there are two, or where a field would have no
 * effect on the one that there is
 */
export function questionOf(request: SmallChatRequestDto): SmallChatQuestion {
  // null means absent.
  const message = request.message ?? undefined;
  const prompt = request.prompt ?? undefined;
  const version = request.prompt_version ?? undefined;
  const model = request.model_version ?? undefined;

  if (message !== undefined && prompt !== undefined) {
    throw refusal(atBoth('message and prompt are two questions: send one of them'));
  }
  if (message !== undefined) {
    if (model === undefined) return { kind: 'message', message, version: version ?? DEFAULT_VERSION };
    throw refusal([
      {
        path: '/model_version',
        message: 'model_version goes with prompt; a message is answered by the model of MODEL_NAME',
      },
    ]);
  }
  if (prompt !== undefined) {
    if (version === undefined) return { kind: 'prompt', prompt, model };
    throw refusal([
      {
        path: '/prompt_version',
        message: 'prompt_version goes with message; a prompt is asked as it is, without one of the service',
      },
    ]);
  }
  throw refusal(atBoth('message or prompt is needed, and neither is there'));
}

const atBoth = (message: string): FieldError[] => ['/message', '/prompt'].map((path) => ({ path, message }));

import { ServiceError } from '../../common/errors.js';
import type { EngineReply, EngineRequest } from '../../engine/engine-request.js';
import { restoreMarks } from '../../text/chat-marks.js';
import type { Call } from '../../calls/call.js';
import type { TextStream } from '../out/text-stream.js';

/** How often free text is asked for, at the most, until it is there. */
const ATTEMPTS = 2;

/**
 * Asks for free text. One that was cut by `max_tokens` or a stop string is whole: the caller set them.
 * @param text hears of it while it is made, where the caller streams
 * @throws ServiceError ENGINE_REPLY_EMPTY, ENGINE_REPLY_CUT, ENGINE_REPLY_RUNAWAY and every error of the engine
 */
export async function askText(
  call: Call,
  request: EngineRequest,
  text: TextStream | undefined,
): Promise<EngineReply> {
  for (let attempt = 1; ; attempt++) {
    const reply = await call.ask(
      request,
      text && {
        onText: (piece) => {
          text.write(piece);
        },
        mayRepeat: (reason) => text.takeBack(reason),
      },
    );
    const problem = problemOf(reply);
    if (!problem) {
      call.record.facts.finishReason = reply.finish === 'length' ? 'length' : 'stop';
      text?.finish();
      return { ...reply, content: restoreMarks(reply.content, request).trimStart() };
    }
    call.record.wastedTokens += reply.usage.total_tokens;
    if (attempt >= ATTEMPTS) throw problem;
    text?.takeBack(problem.message);
  }
}

function problemOf({ finish, content }: EngineReply): ServiceError | undefined {
  if (finish === 'runaway') {
    return new ServiceError(
      'ENGINE_REPLY_RUNAWAY',
      'The model repeated itself without end and was broken off.',
    );
  }
  if (finish === 'abort' || finish === 'other') {
    return new ServiceError('ENGINE_REPLY_CUT', 'The engine ended its reply before it was whole.');
  }
  if (content.trim() !== '') return undefined;
  return new ServiceError('ENGINE_REPLY_EMPTY', 'The engine ended its reply without a word.');
}

import type { Finish, OwnRequest, RelayBody } from '../engine-request.js';
import type { EndedChoice } from './dialect.js';

/** Engines of our own count tokens with every event, so that a call that is broken off is counted too. */
const CONTINUOUS_USAGE = { include_usage: true, continuous_usage_stats: true };

/** What every dialect's body begins with. */
export function sharedBody(
  { model, messages, delivery, sampling }: OwnRequest,
  streamOptions: object = CONTINUOUS_USAGE,
): object {
  return {
    model,
    messages,
    ...(sampling.stop && { stop: sampling.stop }),
    ...(sampling.seed !== undefined && { seed: sampling.seed }),
    ...(delivery === 'stream' && { stream: true, stream_options: streamOptions }),
  };
}

/** What every dialect passes on of a relayed body; the service itself always wants to know what a stream cost. */
export function relayedBody(body: RelayBody): object {
  return body.stream === true
    ? { ...body, stream_options: { ...body.stream_options, include_usage: true } }
    : body;
}

/** All sampling fields, explicitly: engines take what is missing from the model's generation_config.json. */
export function explicitSampling({ sampling, samplingDefaults }: OwnRequest): object {
  const all = { ...samplingDefaults, ...sampling };
  return {
    temperature: all.temperature,
    top_p: all.topP,
    top_k: all.topK,
    min_p: all.minP,
    presence_penalty: all.presencePenalty,
    frequency_penalty: all.frequencyPenalty,
    repetition_penalty: all.repetitionPenalty,
  };
}

/** `response_format` for a request that has a schema. */
export function responseFormat({ format }: OwnRequest, extra: object = {}): object {
  if (!format) return {};
  return {
    response_format: {
      type: 'json_schema',
      json_schema: { name: format.name, schema: format.grammar, ...extra },
    },
  };
}

/** What servers write for how a reply ended, OpenAI's words among them; in small letters. */
const FINISHES = new Map<string, Finish>(
  Object.entries({
    stop: 'stop',
    eos: 'stop',
    eos_token: 'stop',
    end_turn: 'stop',
    complete: 'stop',
    completed: 'stop',
    stop_sequence: 'stop-string',
    length: 'length',
    max_tokens: 'length',
    model_length: 'length',
    content_filter: 'content-filter',
    content_filtered: 'content-filter',
    safety: 'content-filter',
    refusal: 'content-filter',
    abort: 'abort',
    aborted: 'abort',
    error: 'abort',
  } as const),
);

/** End tokens of templates, by which some engines name the natural end. */
const END_TOKEN = /^(?:<\|[^|]*\|>|<\/s>|<eos>|<end_of_turn>)$/;

/** Reads finish_reason and, where a string was matched, tells a stop string from the end of the text. */
export function finishOf({ finish_reason: reason, matched_stop, stop_reason }: EndedChoice): Finish {
  if (typeof reason !== 'string') return 'other';
  const finish = FINISHES.get(reason.toLowerCase()) ?? 'other';
  const stop = matched_stop ?? stop_reason;
  const isByString = finish === 'stop' && typeof stop === 'string' && !END_TOKEN.test(stop);
  return isByString ? 'stop-string' : finish;
}

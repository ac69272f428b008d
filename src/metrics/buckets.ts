/**
 * Upper bounds of the histograms: those that OpenTelemetry advises for generative AI, which double, because a chat
 * answer takes a second and a report minutes. They go on where this service's own bounds lie beyond the advice.
 * https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
 */
const DOUBLING_SECONDS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/** Seconds of a whole call. The advice ends at 82 s; REQUEST_TIMEOUT is 300 s, and a report may take that long. */
export const CALL_SECONDS = [...DOUBLING_SECONDS, 163.84, 327.68];

/** Seconds until the engine's first token; FIRST_TOKEN_TIMEOUT is 60 s. */
export const FIRST_CHUNK_SECONDS = DOUBLING_SECONDS;

/** Seconds until the caller's first token. The advice ends at 10 s, before a busy engine's queue does. */
export const FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
];

/** Tokens of a call. The advice goes on to 67 million; the longest context that a setting allows ends here. */
export const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576];

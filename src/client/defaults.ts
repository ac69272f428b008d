/** Where the service listens unless it is told otherwise. */
export const DEFAULT_URL = 'http://localhost:8000';

/** Seconds for an answer: a long one of a large model takes a minute. */
export const DEFAULT_TIMEOUT_S = 120;

/** How often a call is sent again where nobody says it. */
export const DEFAULT_RETRIES = 3;

/** Where the service keeps its data unless it is told otherwise, seen from the folder in which it was started. */
export const DEFAULT_DATA_DIR = './data';

/** `v1`, `v4`, `v1beta`. */
const VERSION = /^v\d+[a-z]*\d*$/i;

/**
 * Whether the path of an address names the version of an OpenAI-compatible API by itself, as /api/paas/v4 and
 * /v1beta/openai do: what such an address is written as is the API's root, and no /v1 belongs behind it.
 */
export function namesVersion(path: string): boolean {
  return path.split('/').some((part) => VERSION.test(part));
}

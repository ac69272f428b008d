/**
 * What Node's `parseArgs` says of a command line: its first sentence, because behind it is advice for other commands.
 * @throws the error itself where it says something else
 */
export function wrongUse(error: unknown): { readonly wrong: string } {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!code?.startsWith('ERR_PARSE_ARGS')) throw error;
  return { wrong: message.replace(/\.(\s.*)?$/s, '') + '.' };
}

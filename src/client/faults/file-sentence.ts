/**
 * What keeps a file from being read, in a sentence that follows its name.
 * @returns nothing for an error that is not of the file system, or that no user can do anything about
 */
export function fileSentence(error: unknown): string | undefined {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'there is no such file.';
    case 'EISDIR':
      return 'this is a folder; name a file in it.';
    case 'EACCES':
    case 'EPERM':
      return 'this user may not read it.';
    default:
      return undefined;
  }
}

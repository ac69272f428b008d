/** Scripts of this package that start the client. */
const OWN_SCRIPTS = new Set(['client', 'logs']);

/**
 * Goes to where the user is, as far as npm knows: it runs a package's scripts in the package's folder, where names of
 * files would mean others. Scripts of other packages stay where their authors expect them to be.
 */
export function enterUsersFolder(host: Pick<NodeJS.Process, 'env' | 'chdir'>): void {
  const { npm_package_name: name, npm_lifecycle_event: script, INIT_CWD: folder } = host.env;
  if (name !== 'llm-service' || !OWN_SCRIPTS.has(script ?? '') || !folder) return;
  try {
    host.chdir(folder);
  } catch {
    // It is gone, or no folder: names then mean files of this one, as npm has it.
  }
}

/** The oldest Node that undici, which makes the calls, runs on. */
const MAJOR = 22;
const MINOR = 19;

/** What to tell somebody whose Node is too old for the client; undefined where it is not. */
export function tooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major > MAJOR || (major === MAJOR && minor >= MINOR)) return undefined;
  return `The client needs Node ${MAJOR}.${MINOR} or later, and this is Node ${version}: install a later one. In a clone of the repository, npm run client finds the one that npm ci puts there on Linux and Windows.`;
}

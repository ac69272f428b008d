/** By these many programs are sent through a proxy, in capitals or not. */
const VARIABLES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

/** `localhost` and its kind as URLs write them; nobody expects a proxy on the way there. */
const THIS_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** The variables that name a proxy in this environment. Nothing here asks through one. */
export function proxyVariables(environment: Environment): readonly string[] {
  return VARIABLES.filter((name) => (environment[name] ?? '') !== '');
}

/** Whether an address is on this machine. */
export function isOnThisMachine(address: string): boolean {
  return THIS_MACHINE.test(URL.parse(address)?.hostname ?? '');
}

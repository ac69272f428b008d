/** One sentence for what kept the service from starting; a fault of its own keeps its stack. */
export function startFailure(error: unknown): string {
  const { code, address, port, stack } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${address} is in use: stop what listens there, or set APP_PORT to another one.`;
    case 'EACCES':
      return `Port ${port} of ${address} may not be used by this user: set APP_PORT to one above 1023.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `APP_HOST names no address of this machine (${address ?? code}): set it to 0.0.0.0, 127.0.0.1 or an own address.`;
    default:
      return stack ?? String(error);
  }
}

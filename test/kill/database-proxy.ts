import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { Client } from 'pg';

/** A way to a database that can be cut, and that can fall silent as a network does. */
export class DatabaseProxy {
  readonly #target: Client;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port = 0;
  #isFrozen = false;

  private constructor(url: string) {
    this.#target = new Client({ connectionString: url });
    this.#server = createServer((client) => {
      this.#join(client);
    });
  }

  /** @param url of the database behind it */
  static async start(url: string): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(url);
    await proxy.restore();
    return proxy;
  }

  /** What DATABASE_URL has to say to take this way. */
  get url(): string {
    const { user = '', password, database = '' } = this.#target;
    const secret = password ? `:${encodeURIComponent(password)}` : '';
    return `postgresql://${user}${secret}@127.0.0.1:${this.#port}/${database}`;
  }

  /** Ends every connection and takes no new ones. */
  async cut(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Takes connections, at the same port as before. */
  async restore(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Carries nothing any more, on the connections that there are and on new ones. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  /** Carries what new connections bring; the others stay silent for good. */
  forget(): void {
    this.#isFrozen = false;
  }

  /** Carries everything again, what was held back first. */
  thaw(): void {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  #join(client: Socket): void {
    const { host, port } = this.#target;
    const server = host.startsWith('/') ? connect(join(host, `.s.PGSQL.${port}`)) : connect(port, host);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (bytes: Buffer) => to.write(bytes));
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      // What happened is told by `close`.
      from.on('error', () => undefined);
      if (this.#isFrozen) from.pause();
    }
  }
}

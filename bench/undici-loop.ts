// What the client's HTTP library takes by itself: the same prompt over and over, answers counted and thrown away.
import { Client, type Dispatcher } from 'undici';

const [url = '', prompt = '', connections, calls] = process.argv.slice(2);
const total = Number(calls);
const headers = { accept: 'application/json', 'content-type': 'application/json' };
let [sent, answered] = [0, 0];

class Caller implements Dispatcher.DispatchHandler {
  readonly #client = new Client(url, { headersTimeout: 0, bodyTimeout: 0 });

  call(): void {
    sent++;
    const body = JSON.stringify({ messages: [{ role: 'user', content: prompt }] });
    this.#client.dispatch({ method: 'POST', path: '/v1/chat/completions', headers, body }, this);
  }

  onRequestStart(): void {
    // Nothing to prepare.
  }

  onResponseStart(_: unknown, status: number): void {
    if (status !== 200) throw new Error(`The upstream answered with ${status}.`);
  }

  onResponseData(): void {
    // Thrown away.
  }

  onResponseEnd(): void {
    answered++;
    if (sent < total) this.call();
    else if (answered === total) process.exit(0);
  }

  onResponseError(_: unknown, error: Error): void {
    throw error;
  }
}

for (let number = 0; number < Number(connections); number++) new Caller().call();

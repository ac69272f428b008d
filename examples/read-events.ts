/** One event of a stream of the service. */
export interface StreamEvent {
  name: string;
  data: unknown;
}

/**
 * Reads the events of a stream as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html); the
 * comments that keep a quiet stream open are left out.
 */
export async function* readEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    // A chunk may end anywhere, also within a character.
    const blocks = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name !== undefined && data !== undefined) yield { name, data: JSON.parse(data) };
    }
  }
}

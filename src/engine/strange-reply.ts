import { EngineFault } from './engine-fault.js';

/** A media type as a caller may see it: nothing else of the header is repeated. */
const MEDIA_TYPE = /^[\w.+-]{1,60}\/[\w.+-]{1,60}/;

/**
 * The fault of a body that is neither a reply in JSON nor events, with a sentence that names it.
 * @param beginning its first characters
 */
export function strangeReply(contentType: string | undefined, beginning: string): EngineFault {
  return new EngineFault('bad-response', { seen: 'no reply', said: beginning, named: named() });

  function named(): string {
    const text = beginning.trimStart();
    if (text === '') return 'The engine’s reply is empty.';
    if (text.startsWith('{')) return 'The engine’s reply is JSON, but no whole completion.';
    const type = MEDIA_TYPE.exec(contentType ?? '')?.[0];
    if (type === 'text/html' || /^<(?:!doctype|html)/i.test(text))
      return 'The engine’s reply is an HTML page.';
    return type === undefined
      ? 'The engine’s reply is neither JSON nor a stream of events.'
      : `The engine’s reply is neither JSON nor a stream of events; its Content-Type is ${type}.`;
  }
}

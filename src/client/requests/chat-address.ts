/** Where /chat is. */
export interface ChatAddress {
  /** The server, as `--url` names one elsewhere. */
  readonly base: string;
  readonly path: string;
}

const CHAT = /\/(?:api\/)?chat\/?$/;

/** Takes the address of the server or the full one of /chat, which is posted to as it is. */
export function chatAddress(url: string): ChatAddress {
  const path = CHAT.exec(url)?.[0];
  return path === undefined ? { base: url, path: '/chat' } : { base: url.slice(0, -path.length), path };
}

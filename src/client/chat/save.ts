import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Conversation, Exchange } from './conversation.js';
import { markdownQuotation, minuteOf, plain, stampOf } from '../markdown.js';
import { createFile, freeName } from '../new-file.js';
import type { Text } from '../text.js';

const CHAT: Text = { en: 'Chat', ko: '대화' };
const SYSTEM: Text = { en: 'System', ko: '시스템 프롬프트' };
const YOU: Text = { en: 'You', ko: '나' };
const MODEL: Text = { en: 'Model', ko: '모델' };
const STOPPED: Text = { en: '(stopped)', ko: '(중단됨)' };

/**
 * Saves a conversation: as JSON, which `generate --prompt-file` takes, where the name says so; else as Markdown.
 * @returns the file's name
 * @throws ClientFault the file is there already, or cannot be
 */
export function saveConversation(
  conversation: Conversation,
  path: string,
  text: (text: Text) => string,
): string {
  const now = new Date();
  const file = path === '' ? freeName(`chat-${stampOf(now)}`) : inHome(path);
  createFile(file, file.endsWith('.json') ? asJson(conversation) : asMarkdown(conversation, now, text));
  return file;
}

function asJson({ messages, settings }: Conversation): string {
  return `${JSON.stringify([{ messages, ...settings.sampling }], undefined, 2)}\n`;
}

function asMarkdown({ settings, exchanges }: Conversation, now: Date, text: (text: Text) => string): string {
  const parts = [
    `# ${text(CHAT)}, ${minuteOf(now)}`,
    ...(settings.system ? [`## ${text(SYSTEM)}`, markdownQuotation(settings.system)] : []),
    ...exchanges.flatMap((exchange) => section(exchange, text)),
  ];
  return `${parts.join('\n\n')}\n`;
}

function section({ user, assistant, model, isStopped }: Exchange, text: (text: Text) => string): string[] {
  return [
    `## ${text(YOU)}`,
    markdownQuotation(user),
    `## ${model === null ? text(MODEL) : plain(model)}`,
    markdownQuotation(assistant),
    ...(isStopped ? [text(STOPPED)] : []),
  ];
}

function inHome(path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : path;
}

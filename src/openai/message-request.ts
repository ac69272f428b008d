import Type, { type Static } from 'typebox';
import type { FieldError } from '../common/errors.js';
import { pointerTo } from '../schema/json-pointer.js';
import type { Hint } from './request-errors.js';
import { closed, label, NAME, PROSE, tagged, tagValue } from './request-fields.js';

const parts = Type.Array(
  tagged('type', [closed({ type: tagValue('text'), text: Type.String({ description: 'The text.' }) })]),
  { minItems: 1, maxItems: 64, description: 'Texts that are joined by line breaks, 1 to 64.' },
);

const prose = Type.Union([Type.String({ pattern: PROSE }), parts], {
  description: 'What is said; not blank.',
});
const words = Type.Union([Type.String(), parts], { description: 'What is said.' });
const name = Type.Optional(label('Name of who speaks.'));

const toolCall = closed(
  {
    id: label('Its id, by which the result refers to it.'),
    type: tagValue('function'),
    function: closed({
      name: Type.String({ pattern: NAME, description: 'Name of the function.' }),
      arguments: Type.String({ description: 'The arguments as JSON.' }),
    }),
    index: Type.Optional(Type.Integer({ description: 'Of a reply that is sent back; left out.' })),
  },
  'A call of a function.',
);

/** One message of a conversation. */
export const messageSchema = tagged('role', [
  closed(
    { role: tagValue('system', 'developer'), content: prose, name },
    'Instructions. developer is taken as system.',
  ),
  closed({ role: tagValue('user'), content: prose, name }, 'What the user says.'),
  closed(
    {
      role: tagValue('assistant'),
      content: Type.Optional(words),
      name,
      tool_calls: Type.Optional(
        Type.Array(toolCall, { maxItems: 64, description: 'What it called, at most 64.' }),
      ),
      refusal: Type.Optional(Type.String({ description: 'Of a reply that is sent back; left out.' })),
      reasoning: Type.Optional(Type.String({ description: 'Of a reply that is sent back; left out.' })),
      reasoning_content: Type.Optional(
        Type.String({ description: 'Of a reply that is sent back; left out.' }),
      ),
      annotations: Type.Optional(
        Type.Array(Type.Unsafe<object>({ type: 'object' }), {
          description: 'Of a reply that is sent back; left out.',
        }),
      ),
    },
    'What the model said or called before; neither is an empty turn.',
  ),
  closed(
    { role: tagValue('tool'), content: words, tool_call_id: label('Id of the call.'), name },
    'What a called function returned.',
  ),
]);

type MessageBody = Static<typeof messageSchema>;

/** A call of a function, as an engine takes it. */
interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One message as an engine takes it: its content is one text, or nothing beside tool_calls. */
export interface RequestMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly content?: string;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly ToolCall[];
}

/** What is said of images, sounds and files. */
export const partHint: Hint = {
  at: /^\/messages\/\d+\/content\/\d+\/type$/,
  words: 'must be text: the engine would fetch the address of anything else; send what it says as text',
};

/** What no schema can say of a message. */
export function messageErrors(message: MessageBody, path: string): FieldError[] {
  if (message.role === 'tool' || message.role === 'assistant') return [];
  if (/\S/.test(textOf(message.content))) return [];
  const words = 'content must be text that is not blank and well-formed Unicode';
  return [{ path: pointerTo(path, 'content'), message: words }];
}

/**
 * Writes a message as every engine's template takes it: no developer, no parts (of which one engine joins by blanks and
 * the other by line breaks), and nothing of an earlier reply that templates drop.
 */
export function toRequestMessage(message: MessageBody): RequestMessage {
  const { role, content, name: speaker } = message;
  return {
    role: role === 'developer' ? 'system' : role,
    ...(content !== undefined && { content: textOf(content) }),
    ...(speaker !== undefined && { name: speaker }),
    ...(message.role === 'tool' && { tool_call_id: message.tool_call_id }),
    ...(message.role === 'assistant' && callsOf(message)),
  };
}

function callsOf({ content, tool_calls: calls = [] }: Extract<MessageBody, { role: 'assistant' }>): object {
  // A turn that was cancelled or refused: templates want a text where nothing was called.
  if (calls.length === 0) return content === undefined ? { content: '' } : {};
  return { tool_calls: calls.map(({ id, type, function: called }) => ({ id, type, function: called })) };
}

function textOf(content: string | readonly { readonly text: string }[]): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('\n');
}

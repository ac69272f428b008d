interface ToolCallEvent {
  readonly choices?: readonly { readonly delta?: { tool_calls?: readonly ToolCallPiece[] | null } }[];
}

type ToolCallPiece = Record<string, unknown> & { function?: Record<string, unknown> };

/**
 * Writes the events of one stream as OpenAI writes the pieces of functions' calls: each with the index of its call, and
 * with id, name and type in the first one alone. SGLang repeats id and name as null, which OpenAI's client for Node takes
 * for another name; others leave out index and type, without which clients cannot put the pieces together.
 */
export function toolCallEvents(): (data: string) => string {
  /** Of each call that has begun, its id where it has one; by its index. */
  const begun: unknown[] = [];
  const indexOf = ({ index, id }: ToolCallPiece): number => {
    if (typeof index === 'number') return index;
    if (typeof id !== 'string') return Math.max(0, begun.length - 1);
    const known = begun.indexOf(id);
    return known === -1 ? begun.length : known;
  };
  const completed = (piece: ToolCallPiece): ToolCallPiece => {
    const { function: called, ...fields } = withoutNulls(piece);
    const index = indexOf(piece);
    const isFirst = !(index in begun);
    if (isFirst) begun[index] = piece.id;
    return {
      ...fields,
      index,
      ...(isFirst && fields.type === undefined && { type: 'function' }),
      ...(called && { function: withoutNulls(called) }),
    };
  };
  return (data) => {
    if (!data.includes('"tool_calls"')) return data;
    const event = JSON.parse(data) as ToolCallEvent;
    for (const { delta } of event.choices ?? []) {
      if (delta?.tool_calls) delta.tool_calls = delta.tool_calls.map(completed);
    }
    return JSON.stringify(event);
  };
}

function withoutNulls<T extends Readonly<Record<string, unknown>>>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as T;
}

interface ToolCallEvent {
  readonly choices?: readonly { readonly delta?: { tool_calls?: readonly ToolCallPiece[] | null } }[];
}

type ToolCallPiece = Record<string, unknown> & { function?: Record<string, unknown> };

/**
 * An event of a stream as OpenAI writes the pieces of a function's call: with its id and name in the first one alone.
 * SGLang repeats them as null, which OpenAI's client for Node takes for another name.
 */
export function withoutNullNames(data: string): string {
  if (!data.includes('"tool_calls"')) return data;
  const event = JSON.parse(data) as ToolCallEvent;
  for (const { delta } of event.choices ?? []) {
    if (!delta?.tool_calls) continue;
    delta.tool_calls = delta.tool_calls.map((call) => ({
      ...withoutNulls(call),
      ...(call.function && { function: withoutNulls(call.function) }),
    }));
  }
  return JSON.stringify(event);
}

function withoutNulls(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

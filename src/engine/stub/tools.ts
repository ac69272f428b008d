import { field, isList, isString } from './fields.js';
import { isJsonObject, type JsonObject } from './json.js';
import { Refusal } from './refusal.js';
import type { ChatMessage, JsonSchema } from './types.js';

/** A function that the caller offers to the model. */
export interface Tool {
  name: string;
  /** Absent, the arguments may be any object. */
  parameters: JsonSchema | undefined;
}

/**
 * The function that the reply to a chat request calls, if it calls one: the one that `tool_choice` names, the first
 * where a call is required, and where it is up to the model the one whose name the user has just written.
 */
export function readTool(body: JsonObject, messages: readonly ChatMessage[]): Tool | undefined {
  const tools = (field(body, 'tools', isList, 'list') ?? []).map(readFunction);
  const choice = readToolChoice(body);
  if (choice === 'none') return undefined;
  const { response_format: format } = body;
  const isText = !isJsonObject(format) || format.type === 'text';
  if (choice === 'auto') return isText ? askedFor(tools, messages) : undefined;
  const tool = choice === 'required' ? requiredOf(tools) : namedOf(tools, choice.name);
  if (isText) return tool;
  throw new Refusal(
    "tool_choice 'required' or a named tool cannot be combined with response_format, regex, or ebnf: the tool-call " +
      'constraint and the output constraint cannot both be honored.',
    { param: 'tool_choice' },
  );
}

function readFunction(tool: unknown, index: number): Tool {
  const definition = isJsonObject(tool) && isJsonObject(tool.function) ? tool.function : {};
  if (isString(definition.name)) {
    const parameters = field(definition, 'parameters', isJsonObject, 'dictionary');
    return { name: definition.name, parameters };
  }
  throw new Refusal('Field required', {
    param: 'tools',
    issue: {
      type: 'missing',
      location: ['body', 'tools', index, 'function', 'name'],
      input: definition,
    },
  });
}

function readToolChoice({
  tool_choice: choice,
}: JsonObject): 'auto' | 'none' | 'required' | { name: string } {
  switch (choice) {
    case undefined:
    case null:
    case 'auto':
      return 'auto';
    case 'none':
    case 'required':
      return choice;
  }
  const name = isJsonObject(choice) && isJsonObject(choice.function) ? choice.function.name : undefined;
  if (isString(name)) return { name };
  throw new Refusal("Input should be 'auto', 'required' or 'none'", {
    param: 'tool_choice',
    issue: { type: 'literal_error', location: ['body', 'tool_choice'], input: choice },
  });
}

function requiredOf([first]: Tool[]): Tool {
  if (first) return first;
  throw new Refusal('Tools cannot be empty if tool choice is set to required.', { param: 'tools' });
}

function namedOf(tools: Tool[], name: string): Tool {
  if (tools.length === 0) {
    throw new Refusal('Tools cannot be empty if tool choice is set to a specific tool.', { param: 'tools' });
  }
  const tool = tools.find((one) => one.name === name);
  if (tool) return tool;
  throw new Refusal(`Tool '${name}' not found in tools list.`, { param: 'tool_choice' });
}

/** Only while it is the user's turn: with the tool's result there, calling it again would never end. */
function askedFor(tools: Tool[], messages: readonly ChatMessage[]): Tool | undefined {
  const last = messages.at(-1);
  return last?.role === 'user' ? tools.find(({ name }) => last.content.includes(name)) : undefined;
}

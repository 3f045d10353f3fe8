import type { JsonObject } from '../../json/json-object.ts';
import type { Tool, ToolChoice } from '../neutral/conversation.ts';
import { isExactObject } from '../neutral/exact-json.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { objectAt, optionalText, textAt, unsupported } from './read-fields.ts';
import type { ReadTools } from './read-tools.ts';

interface Choice {
  readonly toolChoice: ToolChoice | undefined;
  /** Those that the model may call. */
  readonly tools: readonly Tool[];
}

/** The name for a node of a tool that a choice names. */
function chosenName(choice: JsonObject, { names }: ReadTools, param: string): string {
  const type = textAt(choice['type'], `${param}.type`);
  if (type !== 'function' && type !== 'custom') {
    throw unsupported(
      param,
      `"${param}" asks for a tool of type "${type}", which no model here has. Choose a function, or "auto".`,
    );
  }
  const tool = {
    namespace: optionalText(choice['namespace']),
    name: textAt(choice['name'], `${param}.name`),
  };
  if (names.has(tool)) return names.nodeName(tool);
  throw refuseField(`${param}.name`, `is "${tool.name}", but "tools" has no tool of this name`);
}

/** Undefined for tools that are left out of the request anyhow. */
function allowedName(value: unknown, read: ReadTools, param: string): string | undefined {
  const tool = objectAt(value, param);
  return typeof tool['type'] === 'string' && read.dropped.has(tool['type'])
    ? undefined
    : chosenName(tool, read, param);
}

/** A subset of the tools. One that must be called is named instead, which keeps the prompt as it is. */
function readAllowed(choice: JsonObject, read: ReadTools): Choice {
  const { mode, tools: allowed } = choice;
  if (mode !== 'auto' && mode !== 'required')
    throw refuseField('tool_choice.mode', 'must be "auto" or "required"');
  if (!Array.isArray(allowed)) throw refuseField('tool_choice.tools', 'must be a list of tools');
  const names = allowed
    .map((tool: unknown, index) => allowedName(tool, read, `tool_choice.tools[${index}]`))
    .filter((name) => name !== undefined);
  const [name, ...others] = names;
  if (mode === 'required' && name !== undefined && others.length === 0)
    return { toolChoice: { name }, tools: read.tools };
  const chosen = new Set(names);
  const tools = read.tools.filter((tool) => chosen.has(tool.name));
  return { toolChoice: required(mode, tools), tools };
}

function required(mode: 'auto' | 'required', tools: readonly Tool[]): ToolChoice {
  if (mode === 'auto' || tools.length > 0) return mode;
  throw unsupported(
    'tool_choice',
    '"tool_choice" requires a call, but the request has no tool that the model can call.',
  );
}

/**
 * Which tools the model may or must call.
 *
 * @throws CortexError `invalid_request` or `unsupported_parameter`, with `param`
 */
export function readToolChoice(value: unknown, read: ReadTools): Choice {
  const { tools } = read;
  if (value === undefined || value === null) return { toolChoice: undefined, tools };
  if (value === 'auto' || value === 'none') return { toolChoice: value, tools };
  if (value === 'required') return { toolChoice: required(value, tools), tools };
  if (!isExactObject(value)) {
    throw refuseField('tool_choice', 'must be "auto", "none", "required" or an object');
  }
  if (value['type'] === 'allowed_tools') return readAllowed(value, read);
  return { toolChoice: { name: chosenName(value, read, 'tool_choice') }, tools };
}

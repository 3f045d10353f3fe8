import type { JsonObject } from '../../json/json-object.ts';
import type { Tool, ToolChoice } from '../neutral/conversation.ts';
import type { MessagesBody, Tool as WireTool } from './body-shape.ts';
import { clientTool } from './client-tools.ts';
import { refuseField } from '../neutral/refuse-field.ts';

/** Exactly `{}`. */
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false } as const;

/** Keywords of a schema that say nothing about the members of an object. */
const OF_NO_MEMBER = new Set(['type', 'properties', 'required', '$schema', 'title', 'description']);

const isEmpty = (value: unknown): boolean => Object.keys(Object(value)).length === 0;

/** A schema that names no member means a tool without parameters, although any object would match it. */
const hasParameters = (schema: JsonObject): boolean =>
  Object.entries(schema).some(([keyword, value]) =>
    OF_NO_MEMBER.has(keyword)
      ? ['properties', 'required'].includes(keyword) && !isEmpty(value)
      : keyword !== 'additionalProperties' || value !== false,
  );

function parametersOf(schema: JsonObject | undefined): JsonObject {
  if (schema === undefined || !hasParameters(schema)) return NO_PARAMETERS;
  return schema['type'] === undefined ? { type: 'object', ...schema } : schema;
}

/** Examples of the input are a keyword of its schema, where the model sees them. */
const withExamples = (schema: JsonObject, examples: readonly unknown[] = []): JsonObject =>
  examples.length === 0 ? schema : { ...schema, examples };

interface ReadTools {
  readonly tools: readonly Tool[];
  readonly choice: ToolChoice | undefined;
  readonly isParallel: false | undefined;
  /** Tools that run on Anthropic's servers, and servers whose tools would. */
  readonly dropped: readonly string[];
}

const isCustom = ({ type, input_schema: schema }: WireTool): boolean =>
  type === undefined || type === 'custom' || schema !== undefined;

/** The tool as a function; undefined for one that runs on Anthropic's servers. */
function toolOf(tool: WireTool, at: string): Tool | undefined {
  const { name, type, description, input_schema: schema, strict } = tool;
  const known = isCustom(tool) ? undefined : clientTool(type ?? '');
  if (!isCustom(tool) && known === undefined) return undefined;
  if (name === undefined) throw refuseField(`${at}.name`, 'is missing');
  const read = known ?? { description, parameters: parametersOf(schema), strict };
  return { name, ...read, parameters: withExamples(read.parameters, tool.input_examples) };
}

function choiceOf(
  { tool_choice: choice }: MessagesBody,
  dropped: ReadonlySet<string>,
): ToolChoice | undefined {
  switch (choice?.type) {
    case undefined:
      return undefined;
    case 'auto':
    case 'none':
      return choice.type;
    case 'any':
      return 'required';
    case 'tool':
      if (choice.name === undefined) throw refuseField('tool_choice.name', 'is missing');
      return dropped.has(choice.name) ? undefined : { name: choice.name };
  }
}

/**
 * The tools, all of them, also those that a client would load later: a list that changes would change the prompt before
 * the conversation.
 *
 * @throws CortexError `invalid_request` naming the wrong field
 */
export function readTools(body: MessagesBody): ReadTools {
  const tools: Tool[] = [];
  const dropped = new Set((body.mcp_servers ?? []).map(({ name }) => name));
  for (const [index, wire] of (body.tools ?? []).entries()) {
    const tool = toolOf(wire, `tools[${index}]`);
    if (tool === undefined) dropped.add(wire.name ?? wire.mcp_server_name ?? wire.type ?? '');
    else tools.push(tool);
  }
  return {
    tools,
    choice: choiceOf(body, dropped),
    isParallel: body.tool_choice?.disable_parallel_tool_use === true ? false : undefined,
    dropped: [...dropped],
  };
}

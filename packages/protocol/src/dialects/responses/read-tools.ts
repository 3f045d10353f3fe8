import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import type { Tool } from '../neutral/conversation.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { objectAt, optionalText, textAt } from './read-fields.ts';
import { ToolNames } from './tool-names.ts';

/** A tool of the request, with its namespace. */
interface ListedTool {
  readonly tool: JsonObject;
  readonly namespace: string | undefined;
  /** Text for the model before the tool's own description. */
  readonly preface: string | undefined;
  /** Its path in the request, for errors. */
  readonly param: string;
}

/** The tools of a request as a node gets them, and the way back to those of the client. */
export interface ReadTools {
  readonly tools: readonly Tool[];
  readonly names: ToolNames;
  /** Kinds of tools that no node has, such as `web_search`, each once, and names of tools that are there twice. */
  readonly dropped: ReadonlySet<string>;
}

/** The members of a function are its own here; other APIs of OpenAI have them in `function`. */
const membersOf = (tool: JsonObject): JsonObject =>
  isJsonObject(tool['function']) ? tool['function'] : tool;

/** Tools of namespaces one by one. The description of a namespace goes to its first tool: once, not per tool. */
function* listTools(tools: readonly unknown[]): Generator<ListedTool, void> {
  for (const [index, value] of tools.entries()) {
    const param = `tools[${index}]`;
    const tool = objectAt(value, param);
    if (textAt(tool['type'], `${param}.type`) !== 'namespace') {
      yield { tool, namespace: undefined, preface: undefined, param };
      continue;
    }
    const namespace = textAt(tool['name'], `${param}.name`);
    if (!Array.isArray(tool['tools']))
      throw refuseField(`${param}.tools`, 'must be a list of tools');
    for (const [at, member] of tool['tools'].entries()) {
      const preface = at === 0 ? optionalText(tool['description']) : undefined;
      const place = `${param}.tools[${at}]`;
      yield { tool: objectAt(member, place), namespace, preface, param: place };
    }
  }
}

/** A tool without parameters takes `{}`, nothing else. */
const NO_PARAMETERS = { type: 'object', properties: {}, additionalProperties: false };

const INPUT_PARAMETERS = {
  type: 'object',
  properties: { input: { type: 'string', description: 'The whole input of the tool, as text.' } },
  required: ['input'],
  additionalProperties: false,
};

const joinTexts = (...texts: readonly (string | undefined)[]): string | undefined =>
  texts.filter((text) => text !== undefined).join('\n\n') || undefined;

/** Nodes cannot constrain the input of a call to a grammar, so its description shows the grammar to the model. */
function grammarText({ format }: JsonObject): string | undefined {
  if (!isJsonObject(format) || format['type'] !== 'grammar') return undefined;
  const { syntax, definition } = format;
  return `The input must match this ${String(syntax)} grammar:\n${String(definition)}`;
}

function toFunction({ tool, preface, param }: ListedTool, name: string): Tool {
  const members = membersOf(tool);
  const description = joinTexts(preface, optionalText(members['description']));
  const parameters = members['parameters'] ?? NO_PARAMETERS;
  return {
    name,
    description,
    parameters: objectAt(parameters, `${param}.parameters`),
    strict: typeof members['strict'] === 'boolean' ? members['strict'] : undefined,
  };
}

function toCustom({ tool, preface }: ListedTool, name: string): Tool {
  const description = joinTexts(preface, optionalText(tool['description']), grammarText(tool));
  return { name, description, parameters: INPUT_PARAMETERS };
}

/**
 * The tools of a request as functions, which is all that nodes have: those of a namespace under one name each, and
 * `custom` ones as functions with one string.
 *
 * @throws CortexError `invalid_request` with `param`
 */
export function readTools(value: unknown): ReadTools {
  if (value !== undefined && value !== null && !Array.isArray(value))
    throw refuseField('tools', 'must be a list');
  const listed = [...listTools(value ?? [])];
  const names = new ToolNames();
  const dropped = new Set<string>();
  const added = new Set<ListedTool>();
  // Those without namespace keep their names, so they are named first.
  const inNamespace = (entry: ListedTool): boolean => entry.namespace !== undefined;
  const plain = listed.filter((entry) => !inNamespace(entry));
  for (const entry of [...plain, ...listed.filter(inNamespace)]) {
    const { tool, namespace, param } = entry;
    const kind = tool['type'];
    if (kind === 'function' || kind === 'custom') {
      const name = textAt(membersOf(tool)['name'], `${param}.name`);
      if (names.add({ name, namespace, kind })) added.add(entry);
      else dropped.add(name);
    } else dropped.add(textAt(kind, `${param}.type`));
  }
  const tools = listed
    .filter((entry) => added.has(entry))
    .map((entry) => {
      const name = String(membersOf(entry.tool)['name']);
      const nodeName = names.nodeName({ namespace: entry.namespace, name });
      return entry.tool['type'] === 'custom'
        ? toCustom(entry, nodeName)
        : toFunction(entry, nodeName);
    });
  return { tools, names, dropped };
}

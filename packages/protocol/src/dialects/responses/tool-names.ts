/** A tool as the client knows it. */
export interface ClientTool {
  readonly name: string;
  /** Of the group that the tool is in; undefined: none. Each MCP server is one. */
  readonly namespace?: string | undefined;
  /** `custom`: its input is text in place of arguments. */
  readonly kind: 'function' | 'custom';
}

/** Longest name that all nodes accept, in characters. */
const MAX_NAME_CHARS = 64;
const HASH_CHARS = 8;

const keyOf = ({ namespace = '', name }: Pick<ClientTool, 'namespace' | 'name'>): string =>
  `${namespace}\0${name}`;

/** `mcp__server` and `read` make `mcp__server__read`, in characters that all nodes accept. */
function join(namespace: string, name: string): string {
  const joined = namespace.endsWith('__') ? `${namespace}${name}` : `${namespace}__${name}`;
  return joined.replaceAll(/[^\w-]/g, '_');
}

/** The same tool gets the same ending in every request. */
function withHash(text: string, key: string, seed: bigint): string {
  const hash = Bun.hash.xxHash64(key, seed).toString(16).padStart(16, '0').slice(0, HASH_CHARS);
  return `${text.slice(0, MAX_NAME_CHARS - HASH_CHARS - 1)}_${hash}`;
}

/**
 * Names for a node, which knows no namespaces, and the way back.
 *
 * A tool without namespace keeps its name. The name of another depends on its namespace and name only, unless two tools
 * would have the same: names that change would change the prompt of a conversation.
 */
export class ToolNames {
  readonly #nodeNames = new Map<string, string>();
  readonly #tools = new Map<string, ClientTool>();

  /** Tools without namespace must come first, because they keep their names. False: the tool is already there. */
  add(tool: ClientTool): boolean {
    const key = keyOf(tool);
    if (this.#nodeNames.has(key)) return false;
    const nodeName = this.#makeName(tool);
    this.#nodeNames.set(key, nodeName);
    this.#tools.set(nodeName, tool);
    return true;
  }

  /** Whether a tool of the request has this name. */
  has(tool: Pick<ClientTool, 'namespace' | 'name'>): boolean {
    return this.#nodeNames.has(keyOf(tool));
  }

  /** The name for a node, also of a tool that only the history of the conversation names. */
  nodeName(tool: Pick<ClientTool, 'namespace' | 'name'>): string {
    return this.#nodeNames.get(keyOf(tool)) ?? this.#makeName(tool);
  }

  /** The tool that a node calls. A name that is not in the request is a function of that name. */
  clientTool(nodeName: string): ClientTool {
    return this.#tools.get(nodeName) ?? { name: nodeName, kind: 'function' };
  }

  #makeName({ namespace, name }: Pick<ClientTool, 'namespace' | 'name'>): string {
    if (namespace === undefined) return name;
    const joined = join(namespace, name);
    if (joined.length <= MAX_NAME_CHARS && !this.#tools.has(joined)) return joined;
    const key = keyOf({ namespace, name });
    let made = withHash(joined, key, 0n);
    for (let seed = 1n; this.#tools.has(made); seed += 1n) made = withHash(joined, key, seed);
    return made;
  }
}

/** A workflow of ComfyUI in its API format, with placeholders: `<id>.json` in the folder is the model `<id>`. */
import { readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';

import { CortexError, isJsonObject } from '@cortex/protocol';
import { systemReason } from '@cortex/service';

/** What a value of a workflow may stand for. A placeholder is the whole value. */
const PLACEHOLDERS = [
  'prompt',
  'negative_prompt',
  'width',
  'height',
  'steps',
  'seed',
  'n',
] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

export type PlaceholderValues = Readonly<Record<Placeholder, string | number>>;

export interface Workflow {
  readonly placeholders: ReadonlySet<Placeholder>;
  /** The workflow with values, as `POST /prompt` takes it. */
  fill(values: PlaceholderValues): Readonly<Record<string, unknown>>;
}

const WHOLE = /^\$\{([a-z_]+)\}$/;

const isPlaceholder = (name: string): name is Placeholder =>
  PLACEHOLDERS.some((known) => known === name);

const broken = (path: string, why: string): CortexError =>
  new CortexError('model_load_failed', `The workflow ${path} cannot be used: ${why}.`, {
    param: 'model_id',
  });

/** Replaces the strings of a JSON value. */
function map(value: unknown, replace: (text: string) => unknown): unknown {
  if (typeof value === 'string') return replace(value);
  if (Array.isArray(value)) return value.map((item) => map(item, replace));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, map(item, replace)] as const),
  );
}

/** Every node of the API format has a class. The format of the editor has a list of nodes instead. */
function checkNodes(path: string, nodes: Readonly<Record<string, unknown>>): void {
  if ('nodes' in nodes && 'links' in nodes) {
    throw broken(path, 'it is in the format of the editor; save it with "Export (API)"');
  }
  const wrong = Object.entries(nodes).find(
    ([, node]) => !isJsonObject(node) || typeof node['class_type'] !== 'string',
  );
  if (wrong) throw broken(path, `its node "${wrong[0]}" has no class_type`);
  if (Object.keys(nodes).length === 0) throw broken(path, 'it has no nodes');
}

/**
 * Reads a workflow from its text.
 *
 * @throws CortexError `model_load_failed` saying what is wrong with the file
 */
export function parseWorkflow(path: string, text: string): Workflow {
  let nodes: unknown;
  try {
    nodes = JSON.parse(text);
  } catch (error) {
    throw broken(path, `it is not valid JSON (${error instanceof Error ? error.message : ''})`);
  }
  if (!isJsonObject(nodes)) throw broken(path, 'it is not a JSON object');
  checkNodes(path, nodes);
  const placeholders = new Set<Placeholder>();
  map(nodes, (value) => {
    const [, name] = WHOLE.exec(value) ?? [];
    if (name === undefined) return value;
    if (!isPlaceholder(name)) {
      const known = PLACEHOLDERS.map((placeholder) => `\${${placeholder}}`).join(' ');
      throw broken(path, `\${${name}} is not a placeholder (${known})`);
    }
    placeholders.add(name);
    return value;
  });
  if (!placeholders.has('prompt')) throw broken(path, 'no value of it is "${prompt}"');
  const found = nodes;
  return {
    placeholders,
    fill(values) {
      const filled = map(found, (value) => {
        const [, name] = WHOLE.exec(value) ?? [];
        return name !== undefined && isPlaceholder(name) ? values[name] : value;
      });
      return isJsonObject(filled) ? filled : {};
    },
  };
}

/**
 * The workflow of a model.
 *
 * @param folder - Absolute.
 * @throws CortexError `model_load_failed` naming the file, if it is missing or wrong
 */
export async function readWorkflow(folder: string, modelId: string): Promise<Workflow> {
  const path = resolve(join(folder, `${modelId}.json`));
  // An id of a caller reaches no file outside the folder.
  if (!path.startsWith(folder.endsWith(sep) ? folder : folder + sep)) {
    throw broken(path, 'it is outside the workflows folder');
  }
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw broken(path, systemReason(error));
  }
  return parseWorkflow(path, text);
}

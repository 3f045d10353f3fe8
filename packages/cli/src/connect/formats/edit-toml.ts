import { parse, patch, stringify } from '@decimalturn/toml-patch';

import { isObject, type JsonObject } from '../json-value.ts';
import { type EditText, UneditableFile } from './format.ts';
import { assertHolds, changesTo, merged, withDefaults } from './merge.ts';

type Tree = Readonly<Record<string, unknown>>;

function read(text: string): Tree {
  try {
    return parse(text);
  } catch (cause) {
    const line = cause instanceof Error && 'line' in cause ? Number(cause.line) : undefined;
    const reason = cause instanceof Error ? cause.message.split('\n').at(-1) : String(cause);
    throw new UneditableFile(`it is not valid TOML (${reason})`, { line, cause });
  }
}

const isSame = (a: Tree, b: Tree): boolean => [...changesTo(a, b), ...changesTo(b, a)].length === 0;

const toKey = (key: string): string => (/^[\w-]+$/.test(key) ? key : JSON.stringify(key));

/** Splits `settings` into what joins the tables of the file and the tables that it lacks, as text. */
function splitTables(
  present: Tree,
  settings: JsonObject,
  path: readonly string[] = [],
): { readonly joins: JsonObject; readonly tables: readonly string[] } {
  const joins: Record<string, JsonObject[string]> = {};
  const tables: string[] = [];
  for (const [key, value] of Object.entries(settings)) {
    const here = [...path, key];
    const own = present[key];
    if (!isObject(value)) joins[key] = value;
    else if (own === undefined && Object.values(value).every((member) => !isObject(member)))
      tables.push(`[${here.map(toKey).join('.')}]\n${stringify(value)}`);
    else {
      const inner = splitTables(isObject(own) ? own : {}, value, here);
      if (Object.keys(inner.joins).length > 0) joins[key] = inner.joins;
      tables.push(...inner.tables);
    }
  }
  return { joins, tables };
}

/** The text with new tables behind the others; undefined if the way in which the file has its tables forbids that. */
function withTables(text: string, settings: JsonObject): string | undefined {
  const present = read(text);
  const { joins, tables } = splitTables(present, settings);
  const head = patch(text, merged(present, joins)).trimEnd();
  const edited = `${[head, ...tables.map((table) => table.trimEnd())].filter((part) => part !== '').join('\n\n')}\n`;
  try {
    return isSame(parse(edited), merged(present, settings)) ? edited : undefined;
  } catch {
    // The file has the parent of a new table as an inline table, which no header may extend.
    return undefined;
  }
}

export const editToml: EditText = ({ text, settings: given, defaults }) => {
  const present = read(text);
  const settings = withDefaults(present, given, defaults);
  if ([...changesTo(present, settings)].length === 0) return text;
  const edited = withTables(text, settings) ?? patch(text, merged(present, settings));
  assertHolds(read(edited), settings);
  return text.includes('\r\n') ? edited.replaceAll(/\r?\n/g, '\r\n') : edited;
};

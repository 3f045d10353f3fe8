import { parseJson } from '../script-steps.ts';

const CALL = /^\s*([\w.]+)\.call\(([\s\S]*)\)$/;
const ARGUMENT =
  /^\s*(\w+)\s*=\s*("(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|[^,"'()\s]+)\s*(?:,(?=\s*\w)|$)/;
const CONSTANTS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** `name.call(key="text", other=1)` as a call with JSON arguments; undefined for any other text. */
export function readPythonCall(
  text: string,
): { readonly name: string; readonly arguments: string } | undefined {
  const call = CALL.exec(text);
  if (call === null) return undefined;
  const members: string[] = [];
  for (let rest = call[2] ?? ''; rest.trim() !== '';) {
    const argument = ARGUMENT.exec(rest);
    const value = argument === null ? undefined : readValue(argument[2] ?? '');
    if (argument === null || value === undefined) return undefined;
    members.push(`${JSON.stringify(argument[1])}: ${value}`);
    rest = rest.slice(argument[0].length);
  }
  return { name: call[1] ?? '', arguments: `{${members.join(', ')}}` };
}

/** The JSON text of a Python literal; undefined where it is none. */
function readValue(literal: string): string | undefined {
  const json = literal.startsWith("'")
    ? `"${literal
        .slice(1, -1)
        .replaceAll(String.raw`\'`, "'")
        .replaceAll(/(?<!\\)"/g, String.raw`\"`)}"`
    : (CONSTANTS[literal] ?? literal);
  if (parseJson(json) !== undefined) return json;
  return /^["']/.test(literal) ? JSON.stringify(literal.slice(1, -1)) : undefined;
}

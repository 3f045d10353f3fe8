import { applyEdits, parse, type ParseError, printParseErrorCode } from 'jsonc-parser';

import { type EditText, UneditableFile } from './format.ts';
import { editsFor, type Style } from './jsonc-edits.ts';
import { assertHolds, changesTo, withDefaults } from './merge.ts';

/** JSON with comments and trailing commas, as editors write it. */
function read(text: string): unknown {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error === undefined) return value;
  throw new UneditableFile(`it is not valid JSON (${printParseErrorCode(error.error)})`, {
    line: text.slice(0, error.offset).split('\n').length,
  });
}

function styleOf(text: string): Style {
  const [, indent = '  '] = /^([ \t]+)\S/m.exec(text) ?? [];
  return { indent, eol: text.includes('\r\n') ? '\r\n' : '\n' };
}

export const editJsonc: EditText = ({ text, settings: given, defaults, listKey }) => {
  if (text.trim() === '') return `${JSON.stringify({ ...defaults, ...given }, null, 2)}\n`;
  const present = read(text);
  const settings = withDefaults(present, given, defaults);
  const style = styleOf(text);
  let edited = text;
  for (const change of changesTo(present, settings, { listKey }))
    edited = applyEdits(edited, editsFor(edited, change, style));
  assertHolds(read(edited), settings, listKey);
  return edited;
};

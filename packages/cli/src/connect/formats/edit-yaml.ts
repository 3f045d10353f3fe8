import { type Document, isScalar, parseDocument, type YAMLError } from 'yaml';

import { isObject } from '../json-value.ts';
import { type EditText, UneditableFile } from './format.ts';
import { assertHolds, changesTo, withDefaults } from './merge.ts';

const broken = ({ message, linePos, code }: YAMLError): UneditableFile =>
  new UneditableFile(
    code === 'MULTIPLE_DOCS'
      ? 'it holds more than one document'
      : `it is not valid YAML (${message.split('\n')[0]?.replace(/ at line.*$/, '') ?? code})`,
    { line: linePos?.[0].line },
  );

function read(text: string): Document {
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw broken(error);
  return document;
}

/** How the file is indented already, so that lines without new settings stay as they are. */
function styleOf(text: string) {
  const [, indent = '  '] = /^( +)\S/m.exec(text) ?? [];
  return {
    indent: Math.max(indent.length, 2),
    indentSeq: !/^( *)[^\s#-][^\n]*:[ \t]*\r?\n\1- /m.test(text),
    lineWidth: 0,
    flowCollectionPadding: /[{[] /.test(text),
  };
}

export const editYaml: EditText = ({ text, settings: given, defaults, listKey }) => {
  const document = read(text);
  const present: unknown = document.toJS() ?? {};
  const settings = withDefaults(present, given, defaults);
  const changes = [...changesTo(present, settings, { listKey })];
  if (changes.length === 0) return text;
  for (const { path, value } of changes) {
    const node = document.getIn(path, true);
    // A new node would lose the comment of the old one.
    if (isScalar(node) && !isObject(value) && !Array.isArray(value)) node.value = value;
    else document.setIn(path, document.createNode(value));
  }
  const edited = document.toString(styleOf(text));
  assertHolds(read(edited).toJS(), settings, listKey);
  return text.includes('\r\n') ? edited.replaceAll(/\r?\n/g, '\r\n') : edited;
};

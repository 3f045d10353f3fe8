import {
  createScanner,
  type Edit,
  findNodeAtLocation,
  type FormattingOptions,
  modify,
  type Node,
  parseTree,
} from 'jsonc-parser';

import { type Change } from './merge.ts';

/** How a file is indented already. */
export interface Style {
  /** One level. */
  readonly indent: string;
  readonly eol: string;
}

const endOf = ({ offset, length }: Node): number => offset + length;

/** The indentation of the line in which `offset` is. */
const paddingAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(text.lastIndexOf('\n', offset - 1) + 1))?.[0] ?? '';

/** The value over several lines, the further ones indented as the line in which it begins. */
const toJson = (value: unknown, padding: string, { indent, eol }: Style): string =>
  JSON.stringify(value, null, indent).replaceAll('\n', `${eol}${padding}`);

/** The offset behind the comma after `offset`; undefined if the next token is not one. */
function commaAfter(text: string, offset: number): number | undefined {
  const scanner = createScanner(text, true);
  scanner.setPosition(offset);
  scanner.scan();
  return text[scanner.getTokenOffset()] === ',' ? scanner.getPosition() : undefined;
}

/** The end of the line from `offset` on if nothing but a comment is there, otherwise `offset`. */
const behindComment = (text: string, offset: number): number =>
  offset +
  (/^[ \t]*(?:\/\/[^\r\n]*|\/\*[^\r\n]*?\*\/[ \t]*)?(?=\r?\n)/.exec(text.slice(offset))?.[0]
    .length ?? 0);

/** Adds a member below the last one, whose comment stays beside it. */
function insertBelow(
  text: string,
  last: Node,
  { key, value, style }: { readonly key: string; readonly value: unknown; readonly style: Style },
): Edit[] {
  const padding = paddingAt(text, last.offset);
  const member = `${style.eol}${padding}${JSON.stringify(key)}: ${toJson(value, padding, style)}`;
  const comma = commaAfter(text, endOf(last));
  if (comma !== undefined)
    return [{ offset: behindComment(text, comma), length: 0, content: `${member},` }];
  return [
    { offset: endOf(last), length: 0, content: ',' },
    { offset: behindComment(text, endOf(last)), length: 0, content: member },
  ];
}

const isOnOneLine = (text: string, node: Node): boolean =>
  !text.slice(node.offset, endOf(node)).includes('\n');

/**
 * The edits that make one change. The library formats the lines around a change, so that it makes only those in an
 * object on one line, or in an empty one.
 */
export function editsFor(text: string, { path, value }: Change, style: Style): Edit[] {
  const root = parseTree(text, [], { allowTrailingComma: true });
  const present = root && findNodeAtLocation(root, [...path]);
  if (present !== undefined) {
    const content = toJson(value, paddingAt(text, present.offset), style);
    return [{ offset: present.offset, length: present.length, content }];
  }
  const object = root && findNodeAtLocation(root, path.slice(0, -1));
  const last = object?.children?.at(-1);
  const key = path.at(-1);
  if (object === undefined || last === undefined || isOnOneLine(text, object)) {
    const formattingOptions: FormattingOptions = {
      insertSpaces: !style.indent.startsWith('\t'),
      tabSize: style.indent.length,
      eol: style.eol,
    };
    return modify(text, [...path], value, { formattingOptions });
  }
  return insertBelow(text, last, { key: String(key), value, style });
}

/** Content blocks as the parts of a turn. */
import type { JsonObject } from '../../json/json-object.ts';
import type { ImagePart, Part, TextPart } from '../neutral/conversation.ts';
import { isExactObject } from '../neutral/exact-json.ts';
import { type Block, Content } from './body-shape.ts';
import { refuseField } from '../neutral/refuse-field.ts';

/** Where a block is in the body: `messages[0].content[1]`. */
type Path = string;

const textPart = (text: string): readonly TextPart[] =>
  text === '' ? [] : [{ type: 'text', text }];

/** @throws CortexError `invalid_request` if it is missing */
export function textOf(block: JsonObject, key: string, at: Path): string {
  const value = block[key];
  if (typeof value === 'string') return value;
  throw refuseField(`${at}.${key}`, value === undefined ? 'is missing' : 'must be a string');
}

function sourceOf(block: JsonObject, at: Path): JsonObject {
  const { source } = block;
  if (isExactObject(source)) return source;
  throw refuseField(`${at}.source`, 'must be an object with "type"');
}

/** Bytes as a `data:` URI; an address is left to the node, which may refuse it. */
function imagePart(block: Block, at: Path): ImagePart {
  const source = sourceOf(block, at);
  const path = `${at}.source`;
  switch (source['type']) {
    case 'base64': {
      const mediaType = textOf(source, 'media_type', path);
      return { type: 'image', url: `data:${mediaType};base64,${textOf(source, 'data', path)}` };
    }
    case 'url':
      return { type: 'image', url: textOf(source, 'url', path) };
    default:
      throw refuseField(
        `${path}.type`,
        'must be "base64" or "url": there are no uploaded files here',
      );
  }
}

function decodedText(data: string, at: Path): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(data));
  } catch {
    throw refuseField(at, 'must be base64');
  }
}

function documentBody(source: JsonObject, at: Path): readonly Part[] {
  switch (source['type']) {
    case 'text':
      return textPart(textOf(source, 'data', at));
    case 'content':
      return readContent(source['content'], `${at}.content`);
    case 'base64': {
      const mediaType = textOf(source, 'media_type', at);
      if (!mediaType.startsWith('text/'))
        throw refuseField(
          `${at}.media_type`,
          `is "${mediaType}", which no model here reads: send the text of the document`,
        );
      return textPart(decodedText(textOf(source, 'data', at), `${at}.data`));
    }
    default:
      throw refuseField(
        `${at}.type`,
        'must be "text", "content" or "base64": send the text of the document',
      );
  }
}

const titleOf = (block: Block): string =>
  ['title', 'context']
    .map((key) => block[key])
    .filter((line) => typeof line === 'string' && line !== '')
    .join('\n');

/** The summary that stands in place of earlier messages; empty if it has failed. */
export const summaryOf = ({ content }: Block): string =>
  typeof content === 'string' ? content : '';

/**
 * The parts of one block. A block of an unknown type is its text, or nothing.
 *
 * @throws CortexError `invalid_request` if it is wrong, or cannot be shown to a model
 */
export function readBlock(block: Block, at: Path): readonly Part[] {
  switch (block.type) {
    case 'text':
      return textPart(textOf(block, 'text', at));
    case 'image':
      return [imagePart(block, at)];
    case 'document':
      return [...textPart(titleOf(block)), ...documentBody(sourceOf(block, at), `${at}.source`)];
    case 'search_result': {
      const { title, source } = block;
      const head = [title, source].filter((line) => typeof line === 'string').join('\n');
      return [...textPart(head), ...readContent(block['content'], `${at}.content`)];
    }
    case 'tool_reference':
      return textPart(`Tool: ${textOf(block, 'tool_name', at)}`);
    case 'compaction':
      return textPart(summaryOf(block));
    default:
      // Of a newer version, or of a tool that ran on Anthropic's servers.
      return typeof block['text'] === 'string' ? textPart(block['text']) : [];
  }
}

/** The parts of all blocks. @throws CortexError as `readBlock` */
export const readParts = (blocks: readonly Block[], at: Path): readonly Part[] =>
  blocks.flatMap((block, index) => readBlock(block, `${at}[${index}]`));

/** As `readParts`, for content that has not been checked. */
export function readContent(content: unknown, at: Path): readonly Part[] {
  const checked = Content.safeParse(content);
  if (checked.success) return readParts(checked.data, at);
  throw refuseField(at, 'must be a string or a list of content blocks');
}

/** What the fake external server generates: `max_tokens` words, one chunk each. */
import { createHash } from 'node:crypto';

import { isJsonObject } from '@cortex/protocol';

type Body = Readonly<Record<string, unknown>>;

export const sha256 = (data: string | Uint8Array): string =>
  createHash('sha256').update(data).digest('hex');

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** The parts of all messages; a text counts as one part. */
function partsOf({ messages }: Body): readonly unknown[] {
  if (!isList(messages)) return [];
  return messages.flatMap((message) => {
    const content = isJsonObject(message) ? message['content'] : undefined;
    return isList(content) ? content : [content];
  });
}

const imageOf = (part: unknown): string | undefined => {
  const image = isJsonObject(part) && part['type'] === 'image_url' ? part['image_url'] : undefined;
  return isJsonObject(image) && typeof image['url'] === 'string' ? image['url'] : undefined;
};

/** URLs of the images in the messages. */
export const imagesOf = (body: Body): readonly string[] =>
  partsOf(body)
    .map(imageOf)
    .filter((url) => url !== undefined);

/** The rendered chat, or the prompt. */
export function promptOf(body: Body): string {
  if (typeof body['prompt'] === 'string') return body['prompt'];
  const texts = partsOf(body).map((part) => {
    if (typeof part === 'string') return part;
    return isJsonObject(part) && typeof part['text'] === 'string' ? part['text'] : '<image>';
  });
  return ['<bos>', ...texts, '<assistant>'].join(' ');
}

export const wordsOf = (text: string): readonly string[] => text.split(/\s+/).filter(Boolean);

/** The words of an answer. An answer to images names their digests. */
export function answerOf(body: Body): readonly string[] {
  const seen = imagesOf(body).map((url) => `image:${sha256(url)} `);
  const max = body['max_tokens'] ?? body['max_completion_tokens'];
  const count = typeof max === 'number' ? max : 8;
  const words = Array.from({ length: Math.max(0, count - seen.length) }, (_, at) => `w${at} `);
  return [...seen, ...words];
}

/** The images of a chat, for models that cannot read them. */
import { type Interest, memberInterest, type ScanListener } from './json/interest.ts';
import { JsonScanner } from './json/json-scanner.ts';
import { editedParts, SLICE_BYTES, yieldToEventLoop } from './json/json-view.ts';
import { readStringText } from './json/string-text.ts';
import type { ByteRange } from './json/view-listener.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** What a model reads in place of an image. Always the same, so that the turns before it stay in the prefix cache. */
export const IMAGE_NOTE = '[An image was here. This model cannot read images.]';

const NOTE_PART = new TextEncoder().encode(JSON.stringify({ type: 'text', text: IMAGE_NOTE }));

/** Longer types are not read. */
const MAX_TYPE_BYTES = 64;
const MAX_MODEL_BYTES = 4096;
const QUOTE = 0x22;

type Kind = 'root' | 'model' | 'messages' | 'message' | 'content' | 'part' | 'type';

const BODY: Interest<Kind> = {
  kind: 'root',
  members: [
    memberInterest('model', { kind: 'model' }),
    memberInterest('messages', {
      kind: 'messages',
      element: {
        kind: 'message',
        members: [
          memberInterest('content', {
            kind: 'content',
            element: { kind: 'part', members: [memberInterest('type', { kind: 'type' })] },
          }),
        ],
      },
    }),
  ],
};

class ImageListener implements ScanListener<Kind> {
  model: string | undefined;
  readonly images: ByteRange[] = [];
  readonly #bytes: Bytes;
  #isImage = false;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  scalar(kind: Kind, start: number, end: number): void {
    const isText = this.#bytes[start] === QUOTE;
    const read = (maxBytes: number): string | undefined =>
      isText ? readStringText(this.#bytes, [start + 1, end - 1], maxBytes) : undefined;
    if (kind === 'model') this.model = read(MAX_MODEL_BYTES);
    // `image_url`, `image` or `input_image`.
    if (kind === 'type') this.#isImage = read(MAX_TYPE_BYTES)?.includes('image') ?? false;
  }

  open(kind: Kind): boolean {
    if (kind === 'part') this.#isImage = false;
    return true;
  }

  close(kind: Kind, start: number, end: number): void {
    if (kind === 'part' && this.#isImage) this.images.push([start, end]);
  }
}

/** Most bodies have no image, and this is the fastest way to know. */
const mentionsImage = ({ buffer, byteOffset, length }: Bytes): boolean =>
  Buffer.from(buffer, byteOffset, length).includes('image');

/**
 * The body of a chat with one of `models`, with `IMAGE_NOTE` in place of each image in its messages; every other byte is
 * kept. Any other body is returned as it is. Large bodies are scanned in slices, between which other work runs.
 */
export async function noteImages(bytes: Bytes, models: ReadonlySet<string>): Promise<Bytes> {
  if (models.size === 0 || !mentionsImage(bytes)) return bytes;
  const found = new ImageListener(bytes);
  const scanner = new JsonScanner(bytes, BODY, found);
  try {
    while (!scanner.scan(scanner.position + SLICE_BYTES)) await yieldToEventLoop();
  } catch {
    // Whoever parses the body says what is wrong with it.
    return bytes;
  }
  const { model, images } = found;
  if (images.length === 0 || !models.has(model ?? '')) return bytes;
  const edits = images.map((range) => ({ range, parts: [NOTE_PART] }));
  return Buffer.concat([...editedParts(bytes, edits)]);
}

import type { ImagePart } from '../neutral/conversation.ts';
import { refuseField } from '../neutral/refuse-field.ts';

/** The longest signature and what may stand before it, in bytes. */
const HEAD_BYTES = 12;
/** Base64 of `HEAD_BYTES`. */
const HEAD_CHARS = 16;

/** The first bytes of images, as characters of one byte each. */
const SIGNATURES: readonly (readonly [RegExp, string])[] = [
  [/^\u0089PNG\r\n/, 'image/png'],
  [/^\u00ff\u00d8\u00ff/, 'image/jpeg'],
  [/^GIF8[79]a/, 'image/gif'],
  [/^RIFF[^]{4}WEBP/, 'image/webp'],
  [/^BM/, 'image/bmp'],
  [/^(?:II\*\0|MM\0\*)/, 'image/tiff'],
  [/^[^]{4}ftypavi[fs]/, 'image/avif'],
  [/^[^]{4}ftyp(?:hei[cx]|mif1)/, 'image/heic'],
];

function typeOf(base64: string): string | undefined {
  const head = base64.slice(0, HEAD_CHARS);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(head)) return undefined;
  try {
    const bytes = atob(head).slice(0, HEAD_BYTES);
    return SIGNATURES.find(([signature]) => signature.test(bytes))?.[1];
  } catch {
    // Not base64, which is said like any other wrong image.
    return undefined;
  }
}

/**
 * An image of a request, which is base64 without a type. A `data:` URI is taken as it is.
 *
 * @param param - Where it is in the body.
 * @throws CortexError `invalid_request` if the first bytes are not those of an image
 */
export function readImage(image: string, param: string): ImagePart {
  if (image.startsWith('data:')) return { type: 'image', url: image };
  // MIME encoders break lines.
  const base64 = /\s/.test(image) ? image.replaceAll(/\s/g, '') : image;
  const type = typeOf(base64);
  if (type !== undefined) return { type: 'image', url: `data:${type};base64,${base64}` };
  throw refuseField(
    param,
    'must be the base64 of a PNG, JPEG, GIF, WebP, BMP, TIFF, AVIF or HEIC image',
  );
}

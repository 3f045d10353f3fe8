import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { IMAGE_NOTE, noteImages } from './chat-images.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const note = async (json: string, models: readonly string[] = ['blind']): Promise<string> =>
  decoder.decode(await noteImages(encoder.encode(json), new Set(models)));

const NOTE = `{"type":"text","text":"${IMAGE_NOTE}"}`;
const IMAGE = '{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}';

describe('a chat with a model that cannot read images', () => {
  test.each([
    ['OpenAI', IMAGE],
    ['an address', '{"image_url":{"url":"http://x/y.png","detail":"low"},"type":"image_url"}'],
    ['Responses', '{ "type" : "input_image", "image_url": "data:image/png;base64,AAAA" }'],
    ['a part of no API', '{"type":"image"}'],
  ])('has a note in place of an image in the form of %s', async (_, image) => {
    const body = (part: string): string =>
      `{"messages": [{"role":"user","content":[{"type":"text","text":"See:"}, ${part} ]}],"model":"blind"}`;

    expect(await note(body(image))).toBe(body(NOTE));
  });

  test('has one note for each image, in every turn', async () => {
    const turn = (...parts: string[]): string => `{"role":"user","content":[${parts.join(',')}]}`;
    const body = (part: string): string =>
      `{"model":"blind","messages":[${turn(part, part)},{"role":"assistant","content":"ok"},${turn(part)}]}`;

    expect(await note(body(IMAGE))).toBe(body(NOTE));
  });

  test.each([
    ['of another model', `{"model":"seeing","messages":[{"role":"user","content":[${IMAGE}]}]}`],
    ['without a model', `{"messages":[{"role":"user","content":[${IMAGE}]}]}`],
    ['with a text about images', '{"model":"blind","messages":[{"content":"an \\"image_url\\""}]}'],
    [
      'with a part of another type',
      '{"model":"blind","messages":[{"content":[{"type":"audio"}]}]}',
    ],
    ['with an image elsewhere', `{"model":"blind","tools":[${IMAGE}],"messages":[]}`],
    ['that is not JSON', `{"model":"blind","messages":[{"content":[${IMAGE}`],
    ['whose type is not a text', '{"model":"blind","messages":[{"content":[{"type":["image"]}]}]}'],
    ['whose type is not valid', '{"model":"blind","messages":[{"content":[{"type":"image\\q"}]}]}'],
  ])('keeps every byte of a body %s', async (_, body) => {
    expect(await note(body)).toBe(body);
  });

  test('keeps every other byte, whatever the body', async () => {
    const part = fc.oneof(
      fc.record({ type: fc.constant('text'), text: fc.string() }),
      fc.record({ type: fc.constant('image_url'), image_url: fc.jsonValue() }),
      fc.jsonValue().filter((value) => !JSON.stringify(value).includes('image')),
    );
    const message = fc.record({
      content: fc.oneof(fc.string(), fc.array(part)),
      role: fc.string(),
    });
    const noted = (value: unknown): unknown =>
      typeof value === 'object' && value !== null && 'image_url' in value
        ? JSON.parse(NOTE)
        : value;

    await fc.assert(
      fc.asyncProperty(fc.array(message), fc.nat(4), async (messages, space) => {
        const expected = messages.map(({ content, ...rest }) => ({
          content: typeof content === 'string' ? content : content.map(noted),
          ...rest,
        }));
        const body = JSON.stringify({ model: 'blind', messages }, null, space);

        // JSON.stringify writes -0 as 0.
        const asWritten = JSON.parse(JSON.stringify({ model: 'blind', messages: expected }));
        expect(JSON.parse(await note(body))).toEqual(asWritten);
      }),
    );
  });

  test('has its note in place of an image of many megabytes', async () => {
    const url = `data:image/png;base64,${'iVBORw0KGgo'.repeat(500_000)}`;
    const body = (part: unknown): string =>
      JSON.stringify({ messages: [{ role: 'user', content: [part] }], model: 'blind' });

    const noted = await note(body({ type: 'image_url', image_url: { url } }));

    expect(noted).toBe(body(JSON.parse(NOTE)));
  });
});

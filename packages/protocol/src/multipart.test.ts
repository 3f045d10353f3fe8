import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { insertFormField, readFormFields, spliceFormField } from './multipart.ts';

async function encode(form: FormData): Promise<{ bytes: Uint8Array<ArrayBuffer>; type: string }> {
  const request = new Request('http://x', { method: 'POST', body: form });
  const type = request.headers.get('content-type') ?? '';
  return { bytes: new Uint8Array(await request.arrayBuffer()), type };
}

const speech = (model: string, audio: Uint8Array<ArrayBuffer>): FormData => {
  const form = new FormData();
  form.set('file', new File([audio], 'speech.wav', { type: 'audio/wav' }));
  form.set('model', model);
  form.set('language', 'en');
  return form;
};

describe('the fields of a form', () => {
  test('are found behind a file of any bytes', () =>
    fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.string(), async (audio, model) => {
        // A form has lines that end with CRLF.
        const name = model.replaceAll(/[\r\n]/g, '');
        const { bytes, type } = await encode(speech(name, Uint8Array.from(audio)));

        const fields = readFormFields(bytes, type);

        expect(fields.get('model')?.value).toBe(name.toWellFormed());
        expect(fields.get('language')?.value).toBe('en');
        expect(fields.has('file')).toBe(false);
      }),
      { numRuns: 100 },
    ));

  test('can be replaced without a change of any other byte', async () => {
    const audio = Uint8Array.from({ length: 256 }, (_, index) => index);
    const { bytes, type } = await encode(speech('whisper', audio));
    const field = readFormFields(bytes, type).get('model');
    if (!field) throw new Error('no model');

    const spliced = spliceFormField(bytes, field, 'openai/whisper-large-v3');

    const form = await new Response(spliced, { headers: { 'content-type': type } }).formData();
    expect(form.get('model')).toBe('openai/whisper-large-v3');
    const file = form.get('file');
    if (!(file instanceof File)) throw new Error('no file');
    expect(new Uint8Array(await file.arrayBuffer())).toEqual(audio);
    expect(spliced.subarray(0, field.range[0])).toEqual(bytes.subarray(0, field.range[0]));
  });

  test('can be added to a form that lacks one', async () => {
    const { bytes, type } = await encode(speech('whisper', new Uint8Array([1, 2])));

    const whole = insertFormField(bytes, type, { name: 'prompt', value: 'names' });

    const form = await new Response(whole, { headers: { 'content-type': type } }).formData();
    expect([...form.keys()]).toEqual(['prompt', 'file', 'model', 'language']);
    expect(form.get('prompt')).toBe('names');
  });

  test.each([
    ['without a boundary', 'multipart/form-data', '--x\r\n\r\n--x--'],
    ['with another boundary', 'multipart/form-data; boundary=y', '--x\r\n\r\n\r\n--x--'],
    ['that is cut', 'multipart/form-data; boundary=x', '--x\r\ncontent-disposition: form-data; na'],
    ['that is empty', 'multipart/form-data; boundary=x', ''],
  ])('of a form %s are an error of the caller', (_name, type, body) => {
    expect(() => readFormFields(new TextEncoder().encode(body), type)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});

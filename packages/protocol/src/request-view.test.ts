import { describe, expect, test } from 'bun:test';

import { CortexError } from './errors.ts';
import { readRequestView, readRequestViewInSlices } from './request-view.ts';

const encode = (body: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(body));
const read = (body: unknown, headers: Record<string, string> = {}) =>
  readRequestView(encode(body), new Headers(headers));
const affinityOf = (body: object, headers: Record<string, string> = {}): string | undefined =>
  read({ model: 'm', ...body }, headers).affinityKey();

function refusal(body: unknown): Pick<CortexError, 'code'> & { param: string | undefined } {
  try {
    read(body);
  } catch (error) {
    if (error instanceof CortexError) return { code: error.code, param: error.details.param };
  }
  throw new Error('not refused');
}

test('a request view contains what routing needs, with the defaults of the API', () => {
  const { json: _, affinityKey, ...view } = read({ model: 'qwen@beast', messages: [] });

  expect(view).toEqual({ model: 'qwen@beast', stream: false, n: 1 });
  expect(affinityKey()).toBeUndefined();
});

test('a request view contains the values of the caller', () => {
  const view = read({ model: 'm', stream: true, n: 2, stream_options: { include_usage: false } });

  expect(view).toMatchObject({ stream: true, n: 2, includeUsage: false });
});

test('a request view treats null as not set', () => {
  expect(read({ model: 'm', stream: null, n: null, stream_options: null })).toMatchObject({
    stream: false,
    n: 1,
  });
});

test.each([{}, { model: null }, { model: '' }])('a request view of %j has no model', (body) => {
  expect(read(body).model).toBeUndefined();
});

describe('readRequestView refuses', () => {
  test.each([
    [{ model: 5 }, 'invalid_request', 'model'],
    [{ model: { id: 'm' } }, 'invalid_request', 'model'],
    [{ model: [] }, 'invalid_request', 'model'],
    [{ model: 'm', n: 100_000 }, 'invalid_request', 'n'],
    [{ model: 'm'.repeat(513) }, 'invalid_request', 'model'],
    [{ model: 'm', stream: 'yes' }, 'invalid_request', 'stream'],
    [{ model: 'm', n: 0 }, 'invalid_request', 'n'],
    [{ model: 'm', n: 1.5 }, 'invalid_request', 'n'],
    [{ model: 'm', n: '2' }, 'invalid_request', 'n'],
    [
      { model: 'm', stream_options: { include_usage: 1 } },
      'invalid_request',
      'stream_options.include_usage',
    ],
  ] as const)('%j with %s for %s', (body, code, param) => {
    expect(refusal(body)).toEqual({ code, param });
  });

  test('a body that is not JSON', () => {
    expect(() => readRequestView(new Uint8Array(), new Headers())).toThrow('it ends at byte 0');
  });
});

describe('the affinity key', () => {
  const chat = { messages: [{ role: 'user', content: 'hi' }] };

  test('comes from the session header first', () => {
    const key = affinityOf({ ...chat, user: 'u' }, { 'X-Claude-Code-Session-Id': 's1' });

    expect(key).toBe(affinityOf({}, { 'x-session-id': 's1' }));
    expect(key).not.toBe(affinityOf({}, { 'x-session-id': 's2' }));
  });

  test('comes next from metadata.user_id, prompt_cache_key and user, in this order', () => {
    const all = { metadata: { user_id: 'a' }, prompt_cache_key: 'b', user: 'c', ...chat };

    expect(affinityOf(all)).toBe(affinityOf({ user: 'a' }));
    expect(affinityOf({ ...all, metadata: {} })).toBe(affinityOf({ user: 'b' }));
    expect(affinityOf({ ...chat, user: 'c' })).toBe(affinityOf({ user: 'c' }));
  });

  test('comes last from the text, and is constant within one conversation and different for another', () => {
    const later = [
      ...chat.messages,
      { role: 'assistant', content: 'yo' },
      { role: 'user', content: 'x' },
    ];

    expect(affinityOf({ messages: later })).toBe(affinityOf(chat));
    expect(affinityOf({ messages: [{ role: 'user', content: 'ho' }] })).not.toBe(affinityOf(chat));
  });

  test('does not change between releases, so that instances of different versions agree', () => {
    expect(affinityOf(chat)).toBe('text:f60b645ca02c7cc1');
  });
});

test('a large body that is read in slices gives the same view', async () => {
  const bytes = encode({ prompt: 'word '.repeat(200_000), model: 'm' });

  const { json, affinityKey, ...view } = await readRequestViewInSlices(bytes, new Headers());

  const whole = readRequestView(bytes, new Headers());
  expect(whole).toMatchObject(view);
  expect(affinityKey()).toBe(whole.affinityKey());
  expect(json.modelRange).toEqual(whole.json.modelRange);
});

test('a large body that is read in slices is refused for the same reasons', async () => {
  const bytes = encode({ prompt: 'word '.repeat(200_000), model: 5 });

  const error: unknown = await readRequestViewInSlices(bytes, new Headers()).catch(
    (thrown: unknown) => thrown,
  );

  expect(error).toMatchObject({ code: 'invalid_request', details: { param: 'model' } });
});

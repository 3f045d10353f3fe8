import { expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { readEvents } from './read-events.ts';

async function* chunksOf(whole: Uint8Array, places: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...new Set(places.map((place) => place % (whole.length + 1)))].sort(
    (a, b) => a - b,
  );
  let start = 0;
  for (const end of [...ends, whole.length]) {
    await Promise.resolve();
    yield whole.subarray(start, end);
    start = end;
  }
}

async function read(text: string, places: readonly number[]): Promise<unknown[]> {
  const events = [];
  for await (const batch of readEvents(chunksOf(new TextEncoder().encode(text), places)))
    events.push(...batch.map(({ event, data }) => (event === undefined ? data : [event, data])));
  return events;
}

test('readEvents gives the same events for every chunking, including split characters', async () => {
  const text =
    'data: grüß 😀\n\n: note\n\nevent: ping\r\ndata: {}\r\n\r\ndata: a\ndata: b\n\ndata: cut';

  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 30 }), async (places) => {
      expect(await read(text, places)).toEqual(['grüß 😀', ['ping', '{}'], 'a\nb']);
    }),
  );
});

test.each(['\n', '\r\n', '\r'])('readEvents reads a stream with the line end %j', async (end) => {
  const text = ['data: a', 'data: b', '', 'data: c', '', 'data: cut'].join(end);

  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(), { maxLength: 30 }), async (places) => {
      expect(await read(text, places)).toEqual(['a\nb', 'c']);
    }),
  );
});

test('readEvents yields the events of one chunk as one batch', async () => {
  const batches = [];
  for await (const batch of readEvents(
    chunksOf(new TextEncoder().encode('data: 1\n\ndata: 2\n\n'), []),
  ))
    batches.push(batch.length);

  expect(batches).toEqual([2]);
});

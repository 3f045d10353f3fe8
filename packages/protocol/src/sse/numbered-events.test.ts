import { expect, test } from 'bun:test';

import { formatNumberedEvent, readNumberedEvents } from './numbered-events.ts';

const parse = (kind = '', data = '{}') => ({ kind, ...(JSON.parse(data) as { revision: number }) });

async function* chunks(...texts: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const text of texts) yield await Promise.resolve(new TextEncoder().encode(text));
}

test('numbered events are read back as they were written', async () => {
  const events = [
    { kind: 'snapshot', revision: 4, nodes: ['a'] },
    { kind: 'node_gone', revision: 5, name: 'a' },
  ];
  const text = events.map(formatNumberedEvent).join(': keep-alive\n');

  const read = await Array.fromAsync(
    readNumberedEvents(chunks(text.slice(0, 40), text.slice(40)), parse),
  );

  expect(read.flat()).toEqual(events);
});

test('a gap in the revisions ends the stream with an error', async () => {
  const text = [1, 3].map((revision) => formatNumberedEvent({ kind: 'x', revision })).join('');

  const read = Array.fromAsync(readNumberedEvents(chunks(text), parse));

  await expect(read).rejects.toThrow('revision 3 follows 1');
});

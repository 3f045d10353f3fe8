import { expect, test } from 'bun:test';

import { formatNumberedEvent } from '@cortex/protocol';

import { followFleet } from './follow-fleet.ts';

const SNAPSHOT = {
  kind: 'snapshot',
  revision: 1,
  health: { status: 'ok', nodes: { healthy: 0, total: 0 } },
  nodes: [],
  models: [],
};

test('a gateway that sends nothing any more ends the stream with an error', async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) =>
      controller.enqueue(new TextEncoder().encode(formatNumberedEvent(SNAPSHOT))),
  });
  const fleets = followFleet(body, 1);

  expect((await fleets.next()).value).toMatchObject({ health: { status: 'ok' } });
  await expect(fleets.next()).rejects.toThrow('the gateway was silent for 0.001 s');
});

test('an event of a newer gateway is skipped', async () => {
  const events = [
    SNAPSHOT,
    { kind: 'weather', revision: 2 },
    { kind: 'health', revision: 3, health: { ...SNAPSHOT.health, status: 'impaired' } },
  ];
  const body = new Response(events.map(formatNumberedEvent).join('')).body;

  const fleets = body ? await Array.fromAsync(followFleet(body)) : [];

  expect(fleets.at(-1)).toEqual({
    health: { ...SNAPSHOT.health, status: 'impaired' },
    nodes: [],
    models: [],
  });
});

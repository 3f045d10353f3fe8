import { FakeClock } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import { Rescan } from './rescan.ts';

const { signal } = new AbortController();

/** A fleet of one node whose scans the test ends. */
function createScans() {
  const clock = new FakeClock();
  const scans: PromiseWithResolvers<void>[] = [];
  const rescan = new Rescan({
    clock,
    nodes: () => ['a'],
    scan: () => {
      const scan = Promise.withResolvers<void>();
      scans.push(scan);
      return scan.promise;
    },
  });
  return { clock, scans, rescan };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('requests for unknown names share one scan, and requests during a scan share the next one', async () => {
  const { clock, scans, rescan } = createScans();

  const first = Promise.all([1, 2, 3].map(() => rescan.request(signal)));
  await settle();
  expect(scans).toHaveLength(1);
  const second = Promise.all([1, 2, 3].map(() => rescan.request(signal)));
  scans[0]?.resolve();
  await first;
  await clock.whenSet(500);
  expect(scans).toHaveLength(1);

  clock.advance(500);
  await settle();
  expect(scans).toHaveLength(2);
  scans[1]?.resolve();
  await second;
});

test('a scan starts at once if the previous one was long ago', async () => {
  const { clock, scans, rescan } = createScans();
  const first = rescan.request(signal);
  await settle();
  scans[0]?.resolve();
  await first;
  clock.advance(501);

  void rescan.request(signal);
  await settle();

  expect(scans).toHaveLength(2);
});

test('waiting for a scan ends when the client disconnects or the gateway closes', async () => {
  const { scans, rescan } = createScans();
  const client = new AbortController();
  const left = rescan.request(client.signal);
  await settle();

  client.abort();
  await left;

  expect(scans).toHaveLength(1);
  scans[0]?.resolve();
  const waiting = rescan.request(signal);
  rescan.close();
  await waiting;
  expect(scans).toHaveLength(1);
});

import { describe, expect, test } from 'bun:test';

import { EventFeed } from './event-feed.ts';

type Event =
  | { readonly kind: 'snapshot'; readonly revision: number; readonly open: boolean }
  | { readonly kind: 'open'; readonly revision: number; readonly open: boolean }
  | { readonly kind: 'gone'; readonly revision: number; readonly id: string };

function createFeed(beforeSnapshot: (feed: EventFeed<Event>) => void = () => undefined) {
  let tick = (): void => undefined;
  const feed = new EventFeed<Event>({
    snapshot: () => {
      beforeSnapshot(feed);
      return { open: false };
    },
    every: (_everyMs, run) => {
      tick = run;
      return () => undefined;
    },
    onClose: () => undefined,
    firstRevision: 7,
  });
  return { feed, tick: () => tick() };
}

const textOf = ({ value }: IteratorResult<string, void>): string => value ?? '';

const change = { kind: 'open', open: true } as const;
const never = new AbortController().signal;

describe('the feed of events', () => {
  test('begins with a snapshot, and numbers the changes after it without a gap', async () => {
    const { feed } = createFeed();
    feed.publish(change);
    const reader = feed.read(never, () => undefined);
    const snapshot = textOf(await reader.next());
    feed.publish(change);
    feed.publish(change);

    const changes = textOf(await reader.next());

    expect(snapshot).toBe('event: snapshot\ndata: {"open":false,"revision":8}\n\n');
    expect(changes.match(/"revision":\d+/g)).toEqual(['"revision":9', '"revision":10']);
  });

  test('gives every reader every change', async () => {
    const { feed } = createFeed();
    const readers = [feed.read(never, () => undefined), feed.read(never, () => undefined)];
    for (const reader of readers) await reader.next();

    feed.publish(change);

    const seen = await Promise.all(readers.map((reader) => reader.next()));
    expect(seen.map(textOf)).toEqual(
      Array.from({ length: 2 }, () => 'event: open\ndata: {"open":true,"revision":8}\n\n'),
    );
  });

  test('sends a comment to a reader without news', async () => {
    const { feed, tick } = createFeed();
    const reader = feed.read(never, () => undefined);
    await reader.next();

    tick();

    expect(textOf(await reader.next())).toBe(': keep-alive\n');
  });

  test('drops a reader that leaves a megabyte unread, and keeps the others', async () => {
    const { feed } = createFeed();
    let dropped = 0;
    const slow = feed.read(never, () => {
      dropped += 1;
    });
    const quick = feed.read(never, () => {
      throw new Error('the quick reader was dropped');
    });
    await slow.next();
    await quick.next();

    for (let count = 0; count < 12; count += 1) {
      feed.publish({ kind: 'gone', id: 'm'.repeat(100_000) });
      await quick.next();
    }

    expect((await slow.next()).done).toBe(true);
    expect(dropped).toBe(1);
    expect(feed.readerCount).toBe(1);
  });

  test('gives a reader that keeps up any number of changes that come together', async () => {
    const { feed } = createFeed();
    const reader = feed.read(never, () => {
      throw new Error('the reader was dropped');
    });
    await reader.next();

    feed.publishAll(
      Array.from({ length: 3 }, () => ({ kind: 'gone', id: 'm'.repeat(1_000_000) }) as const),
    );

    expect(textOf(await reader.next()).match(/"revision":\d+/g)).toEqual([
      '"revision":8',
      '"revision":9',
      '"revision":10',
    ]);
  });

  test('drops a reader that has taken nothing between two keep-alives', async () => {
    const { feed, tick } = createFeed();
    let isDropped = false;
    const reader = feed.read(never, () => {
      isDropped = true;
    });
    await reader.next();

    for (let count = 0; count < 3; count += 1) tick();

    expect(isDropped).toBe(true);
    expect((await reader.next()).done).toBe(true);
  });

  test('numbers a snapshot after the changes that are due before it', async () => {
    const { feed } = createFeed((due) => due.publish(change));
    const first = feed.read(never, () => undefined);
    await first.next();

    const second = feed.read(never, () => undefined);
    const snapshot = textOf(await second.next());
    feed.publish(change);

    expect(snapshot).toContain('"revision":9');
    expect(textOf(await second.next())).toBe('event: open\ndata: {"open":true,"revision":10}\n\n');
    expect(textOf(await first.next()).match(/"revision":\d+/g)).toEqual([
      '"revision":9',
      '"revision":10',
    ]);
  });

  test('forgets a reader that leaves while it takes nothing', async () => {
    const { feed } = createFeed();
    const leaving = new AbortController();
    await feed.read(leaving.signal, () => undefined).next();

    leaving.abort();

    expect(feed.readerCount).toBe(0);
  });

  test('ends its readers when it closes, and takes no more', async () => {
    const { feed } = createFeed();
    const reader = feed.read(never, () => undefined);
    await reader.next();
    const last = reader.next();

    feed.close();

    expect((await last).done).toBe(true);
    expect((await feed.read(never, () => undefined).next()).done).toBe(true);
    expect(feed.readerCount).toBe(0);
  });

  test('forgets a reader that leaves', async () => {
    const { feed } = createFeed();
    const leaving = new AbortController();
    const reader = feed.read(leaving.signal, () => undefined);
    await reader.next();
    const last = reader.next();

    leaving.abort();

    expect((await last).done).toBe(true);
    expect(feed.readerCount).toBe(0);
  });
});

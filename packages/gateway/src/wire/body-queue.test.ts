import { describe, expect, test } from 'bun:test';

import { BodyQueue } from './body-queue.ts';

function create() {
  const valve = { isOpen: true };
  const queue = new BodyQueue({
    pause: () => {
      valve.isOpen = false;
    },
    resume: () => {
      valve.isOpen = true;
    },
  });
  return { queue, valve };
}

const LARGE = new Uint8Array(400 << 10).fill(7);

describe('a body that comes faster than it is read', () => {
  test('stops its sender until it is read', async () => {
    const { queue, valve } = create();

    queue.push(LARGE);
    expect(valve.isOpen).toBe(false);
    const { value } = await queue.next();

    expect(value).toHaveLength(LARGE.length);
    expect(valve.isOpen).toBe(true);
  });

  test('leaves the connection open for the next answer, read as a whole', () => {
    const { queue, valve } = create();

    queue.push(LARGE);
    queue.end();

    expect(queue.readAll()).toBe(LARGE);
    expect(valve.isOpen).toBe(true);
  });

  test('leaves the connection open for the next answer when nobody reads it', () => {
    const { queue, valve } = create();

    queue.push(LARGE);
    queue.end();

    expect(valve.isOpen).toBe(true);
  });
});

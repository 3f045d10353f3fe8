import { describe, expect, test } from 'bun:test';

import { BodyQueue } from './body-queue.ts';

function create() {
  const sender = { isRunning: true };
  const queue = new BodyQueue({
    pause: () => {
      sender.isRunning = false;
    },
    resume: () => {
      sender.isRunning = true;
    },
  });
  return { queue, sender };
}

const LARGE = new Uint8Array(400 << 10).fill(7);

describe('a body that arrives faster than it is read', () => {
  test('pauses its sender until it is read', async () => {
    const { queue, sender } = create();

    queue.push(LARGE);
    expect(sender.isRunning).toBe(false);
    const { value } = await queue.next();

    expect(value).toHaveLength(LARGE.length);
    expect(sender.isRunning).toBe(true);
  });

  test('resumes the connection for the next answer when it is read as a whole', () => {
    const { queue, sender } = create();

    queue.push(LARGE);
    queue.end();

    expect(queue.readAll()).toBe(LARGE);
    expect(sender.isRunning).toBe(true);
  });

  test('resumes the connection for the next answer when it is never read', () => {
    const { queue, sender } = create();

    queue.push(LARGE);
    queue.end();

    expect(sender.isRunning).toBe(true);
  });
});

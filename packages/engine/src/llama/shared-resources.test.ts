import { describe, expect, test } from 'bun:test';

import { SharedResources } from './shared-resources.ts';

function counted() {
  const calls: string[] = [];
  let opened = 0;
  const shared = new SharedResources<string, number>();
  const lease = (key = 'a') =>
    shared.lease(key, {
      open: () => {
        calls.push(`open ${key}`);
        return Promise.resolve(++opened);
      },
      close: (value) => {
        calls.push(`close ${value}`);
        return Promise.resolve();
      },
    });
  return { calls, shared, lease };
}

describe('a shared resource', () => {
  test('is opened once for all of its users, and closed after the last one', async () => {
    const { calls, lease } = counted();
    const [one, two] = await Promise.all([lease(), lease()]);

    await one.release();
    await one.release();
    expect(calls).toEqual(['open a']);
    await two.release();

    expect([one.value, two.value]).toEqual([1, 1]);
    expect(calls).toEqual(['open a', 'close 1']);
  });

  test('is opened again after it was closed, and per key', async () => {
    const { calls, lease } = counted();
    await (await lease()).release();
    await lease('b');

    expect((await lease()).value).toBe(3);
    expect(calls).toEqual(['open a', 'close 1', 'open b', 'open a']);
  });

  test('that fails to open fails for all who wait, and the next user tries again', async () => {
    const { shared, lease } = counted();
    const failing = () =>
      shared.lease('a', {
        open: () => Promise.reject(new Error('no')),
        close: () => Promise.resolve(),
      });

    const outcomes = await Promise.allSettled([failing(), failing()]);

    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect((await lease()).value).toBe(1);
  });
});

import { expect, test } from 'bun:test';

import type { EngineEvent } from '../../engine/generate.ts';
import { EventBuffer } from './event-buffer.ts';

const items = (count: number): EngineEvent => ({
  type: 'items',
  items: Array.from({ length: count }, () => ({ text: 'x' })),
});
const failed: EngineEvent = { type: 'error', code: 'shutting_down', message: 'over' };

function create() {
  const heard: string[] = [];
  const buffer = new EventBuffer({
    onRoom: () => heard.push('room'),
    onConsumerStop: () => heard.push('leave'),
    onEnd: () => heard.push('end'),
  });
  return { buffer, heard };
}

test('EventBuffer is full 63 items ahead of its consumer, and reports when it has room again', async () => {
  const { buffer, heard } = create();
  for (let i = 0; i < 32; i++) buffer.push(items(2));

  expect(buffer.isFull).toBe(true);
  await buffer.next();
  expect(buffer.isFull).toBe(false);
  expect(heard).toEqual(['room']);
});

test('EventBuffer takes nothing after the last event', async () => {
  const { buffer, heard } = create();
  buffer.push(failed);
  buffer.push(items(1));

  expect(await Array.fromAsync(buffer)).toEqual([failed]);
  expect(heard).toEqual(['end']);
});

test('EventBuffer distinguishes a consumer that stops early from one that read everything', async () => {
  const { buffer, heard } = create();
  buffer.push(items(1));
  const waiting = buffer.next().then(() => buffer.next());

  await buffer.return();

  expect((await waiting).done).toBe(true);
  expect(heard).toEqual(['end', 'leave']);
  await buffer.return();
  expect(heard).toHaveLength(2);
});

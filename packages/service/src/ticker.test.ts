import { expect, test } from 'bun:test';

import { Ticker, type TickSource } from './ticker.ts';

/** Time that passes when told to. */
class FakeTime implements TickSource {
  #nowMs = 0;
  #tick: (() => void) | undefined;
  #periodMs = 0;

  get isRunning(): boolean {
    return this.#tick !== undefined;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  repeat(tick: () => void, ms: number): () => void {
    this.#tick = tick;
    this.#periodMs = ms;
    return () => {
      this.#tick = undefined;
    };
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    while (this.#tick !== undefined && this.#nowMs + this.#periodMs <= endMs) {
      this.#nowMs += this.#periodMs;
      this.#tick();
    }
    this.#nowMs = endMs;
  }
}

test('each entry runs at its own pace on one timer', () => {
  const time = new FakeTime();
  const ticker = new Ticker(time);
  const ran: string[] = [];
  ticker.every(1000, () => ran.push('1 s'));
  ticker.every(2500, () => ran.push('2.5 s'));

  time.pass(3000);

  expect(ran).toEqual(['1 s', '1 s', '2.5 s', '1 s']);
});

test('the timer runs only while something waits for it', () => {
  const time = new FakeTime();
  const ticker = new Ticker(time);
  const cancelFirst = ticker.every(1000, () => undefined);
  const cancelSecond = ticker.every(1000, () => undefined);

  cancelFirst();
  cancelFirst();
  expect(time.isRunning).toBe(true);
  cancelSecond();

  expect(time.isRunning).toBe(false);
});

test('an entry that cancels itself, or another, runs no more', () => {
  const time = new FakeTime();
  const ticker = new Ticker(time);
  let ran = 0;
  const cancelOther = ticker.every(1000, () => (ran += 10));
  const cancelSelf = ticker.every(500, () => {
    ran += 1;
    cancelSelf();
    cancelOther();
  });

  time.pass(5000);

  expect(ran).toBe(1);
});

test('one that throws does not keep the others from running', () => {
  const time = new FakeTime();
  const errors: unknown[] = [];
  const ticker = new Ticker(time, (error) => errors.push(error));
  let ran = 0;
  ticker.every(250, () => {
    throw new Error('broken');
  });
  ticker.every(250, () => (ran += 1));

  time.pass(500);

  expect(ran).toBe(2);
  expect(errors).toHaveLength(2);
});

test('after a stall an entry runs once, not for each period missed', () => {
  const time = new FakeTime();
  let stalledMs = 0;
  const stalling: TickSource = {
    nowMs: () => time.nowMs() + stalledMs,
    repeat: (tick, ms) => time.repeat(tick, ms),
  };
  const ticker = new Ticker(stalling);
  let ran = 0;
  ticker.every(1000, () => (ran += 1));

  stalledMs = 60_000;
  time.pass(250);

  expect(ran).toBe(1);
});

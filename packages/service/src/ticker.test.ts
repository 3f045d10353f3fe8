import { expect, test } from 'bun:test';

import { Ticker } from './ticker.ts';

/** A fake clock with one timer. */
class FakeTime {
  #nowMs = 0;
  #timer: { readonly dueMs: number; readonly run: () => void } | undefined;

  get isRunning(): boolean {
    return this.#timer !== undefined;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, run: () => void): () => void {
    this.#timer = { dueMs: this.#nowMs + delayMs, run };
    return () => {
      this.#timer = undefined;
    };
  }

  pass(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (let timer = this.#timer; timer && timer.dueMs <= endMs; timer = this.#timer) {
      this.#timer = undefined;
      this.#nowMs = timer.dueMs;
      timer.run();
    }
    this.#nowMs = endMs;
  }
}

test('a ticker runs each entry at its own interval on one timer', () => {
  const time = new FakeTime();
  const ticker = new Ticker(time);
  const ran: string[] = [];
  ticker.every(1000, () => ran.push('1 s'));
  ticker.every(2500, () => ran.push('2.5 s'));

  time.pass(3000);

  expect(ran).toEqual(['1 s', '1 s', '2.5 s', '1 s']);
});

test('the timer of a ticker runs only while it has entries', () => {
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

test('a ticker entry that is cancelled by itself or by another one does not run again', () => {
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

test('a ticker entry that throws does not stop the others', () => {
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

test('after a stall a ticker entry runs once, not once per missed interval', () => {
  const time = new FakeTime();
  let stalledMs = 0;
  const ticker = new Ticker({
    nowMs: () => time.nowMs() + stalledMs,
    setTimer: (delayMs, run) => time.setTimer(delayMs, run),
  });
  let ran = 0;
  ticker.every(1000, () => (ran += 1));

  stalledMs = 60_000;
  time.pass(250);

  expect(ran).toBe(1);
});

/** Behaviour 30: the larger need of a load that ran out of memory is remembered. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { toLoadSettings } from '../harness/load-settings.ts';
import { StateWriter } from '../state-writer.ts';
import { type LearnedKey, LearnedNeeds } from './learned-needs.ts';

const log = createLogger({ name: 'test', level: 'fatal' });
const DAY_MS = 24 * 3600 * 1000;
const create = (path = join(temporaryFolder('needs'), 'needs.json')) => {
  const clock = { nowMs: 1e12 };
  return {
    path,
    clock,
    needs: new LearnedNeeds(path, new StateWriter(log), () => clock.nowMs),
  };
};

const keyOf = (fingerprint: string, fields: object = {}): LearnedKey => ({
  fingerprint,
  settings: toLoadSettings({ model_id: 'm', ...fields }),
  backend: 'cuda',
});

describe('LearnedNeeds', () => {
  test('adds a tenth of the plan after each load that ran out of memory, at least 512 MiB', () => {
    const { needs } = create();

    needs.ranOut(keyOf('large'), 20_000);
    needs.ranOut(keyOf('large'), 22_000);
    needs.ranOut(keyOf('small'), 300);

    expect([needs.surplusMib(keyOf('large')), needs.surplusMib(keyOf('small'))]).toEqual([
      4200, 512,
    ]);
  });

  test('adds at most half of the estimate for failures, however often a load fails', () => {
    const { needs } = create();
    const plannedMib = (name: string, estimateMib: number) =>
      estimateMib + needs.surplusMib(keyOf(name));

    for (let count = 0; count < 50; count += 1) {
      needs.ranOut(keyOf('large'), plannedMib('large', 20_000));
      needs.ranOut(keyOf('small'), plannedMib('small', 300));
    }

    expect([needs.surplusMib(keyOf('large')), needs.surplusMib(keyOf('small'))]).toEqual([
      10_000, 1024,
    ]);
  });

  test('keeps a measured need that is larger than what failures may add', () => {
    const { needs } = create();
    needs.measured(keyOf('a'), { plannedMib: 300, heldMib: 4300 });

    needs.ranOut(keyOf('a'), 4300);

    expect(needs.surplusMib(keyOf('a'))).toBe(4000);
  });

  test('forgets a need a week after the last load that showed it', () => {
    const { needs, clock, path } = create();
    needs.ranOut(keyOf('once'), 300);
    needs.ranOut(keyOf('again'), 300);
    clock.nowMs += 4 * DAY_MS;
    needs.measured(keyOf('again'), { plannedMib: 812, heldMib: 900 });

    clock.nowMs += 4 * DAY_MS;
    needs.ranOut(keyOf('other'), 300);

    expect([needs.surplusMib(keyOf('once')), needs.surplusMib(keyOf('again'))]).toEqual([0, 600]);
    expect(Object.keys(JSON.parse(readFileSync(path, 'utf8')))).toHaveLength(2);
  });

  test('forgets a need of the far future, from before the clock was set back', () => {
    const { needs, clock } = create();
    needs.ranOut(keyOf('a'), 300);

    clock.nowMs -= 30 * DAY_MS;

    expect(needs.surplusMib(keyOf('a'))).toBe(0);
  });

  test('adds what a load holds beyond its plan, and takes nothing off for one that holds less', () => {
    const { needs } = create();

    needs.measured(keyOf('a'), { plannedMib: 1000, heldMib: 1300 });
    needs.measured(keyOf('a'), { plannedMib: 1300, heldMib: 900 });

    expect(needs.surplusMib(keyOf('a'))).toBe(300);
  });

  test('keeps files, kinds of device and types of cells apart, but not sizes of the context', () => {
    const { needs } = create();
    needs.ranOut(keyOf('a', { context_length: 8192 }), 300);

    expect(needs.surplusMib(keyOf('a', { context_length: 4096 }))).toBe(512);
    expect(needs.surplusMib(keyOf('a', { kv_type: 'q8_0' }))).toBe(0);
    expect(needs.surplusMib({ ...keyOf('a'), backend: 'vulkan' })).toBe(0);
    expect(needs.surplusMib(keyOf('b'))).toBe(0);
  });

  test('survives a restart, and a file that a crash has cut', () => {
    const { path, needs } = create();
    needs.ranOut(keyOf('a'), 300);

    const next = create(path).needs;
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 10));
    const afterCrash = create(path).needs;

    expect([next.surplusMib(keyOf('a')), afterCrash.surplusMib(keyOf('a'))]).toEqual([512, 0]);
  });

  test('forgets the oldest of more than 256 entries', () => {
    const { needs } = create();
    for (let at = 0; at < 257; at += 1) needs.ranOut(keyOf(String(at)), 300);

    expect(['0', '1', '256'].map((name) => needs.surplusMib(keyOf(name)))).toEqual([0, 512, 512]);
  });
});

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { isPinned, NodeState } from './node-state.ts';
import { StateWriter } from './state-writer.ts';

const SILENT = { warn: () => undefined, info: () => undefined };

function open(path: string) {
  const warnings: unknown[] = [];
  let retry = (): void => undefined;
  const state = new NodeState({
    path,
    writer: new StateWriter(SILENT),
    every: (_everyMs, run) => {
      retry = run;
      return () => undefined;
    },
    log: { warn: (...said: unknown[]) => warnings.push(said) },
  });
  return { state, warnings, retry: () => retry() };
}

const freshPath = (): string => join(temporaryFolder('node-state'), 'state', 'node.json');

describe('the state of a node', () => {
  test('keeps pins, TTLs and the drain for the next daemon', () => {
    const path = freshPath();
    const { state } = open(path);
    state.setResidency('a/b', { operatorPin: true, isLoadPinned: false, ttlS: 60 });
    state.setResidency('__proto__', { operatorPin: undefined, isLoadPinned: false, ttlS: 5 });
    state.setDrain({ until: '2030-01-01T00:00:00.000Z', for_s: 10 });

    const next = open(path).state;

    expect(next.residency('a/b')).toEqual({ operatorPin: true, isLoadPinned: false, ttlS: 60 });
    expect(next.residency('__proto__')).toEqual({
      operatorPin: undefined,
      isLoadPinned: false,
      ttlS: 5,
    });
    expect(next.drain).toEqual({ until: '2030-01-01T00:00:00.000Z', for_s: 10 });
  });

  test('forgets a model without pin and TTL', () => {
    const path = freshPath();
    const { state } = open(path);
    state.setResidency('m', { operatorPin: true, isLoadPinned: false, ttlS: 0 });

    state.setResidency('m', { operatorPin: undefined, isLoadPinned: false, ttlS: 0 });

    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ models: [] });
  });

  test('keeps the thousand models that were changed last', () => {
    const path = freshPath();
    const ids = Array.from({ length: 1001 }, (_, index) => `m${index}`);
    mkdirSync(dirname(path));
    writeFileSync(path, JSON.stringify({ models: ids.map((id) => ({ id, ttl_s: 1 })) }));
    const { state } = open(path);
    state.setResidency('m1', { operatorPin: true, isLoadPinned: false, ttlS: 1 });

    state.setResidency('new', { operatorPin: true, isLoadPinned: false, ttlS: 0 });

    const kept = ['m0', 'm1', 'm2', 'm1000', 'new'].filter((id) => {
      const residency = state.residency(id);
      return isPinned(residency) || residency.ttlS > 0;
    });
    expect(kept).toEqual(['m1', 'm1000', 'new']);
    expect(JSON.parse(readFileSync(path, 'utf8')).models).toHaveLength(1000);
  });

  test('is written again after a failed write, and leaves no unfinished file', () => {
    const path = freshPath();
    const { state, retry } = open(path);
    // Stands for a disk that is full: every write below it fails.
    writeFileSync(dirname(path), '');
    state.setResidency('m', { operatorPin: true, isLoadPinned: false, ttlS: 0 });
    rmSync(dirname(path));

    retry();

    expect(isPinned(open(path).state.residency('m'))).toBe(true);
    expect(readdirSync(dirname(path))).toEqual(['node.json']);
  });

  test.each(['', '{', '{"models":7}', '[]'])(
    'starts empty, with a warning, from the damaged file %p',
    (text) => {
      const path = freshPath();
      mkdirSync(dirname(path));
      writeFileSync(path, text);

      const { state, warnings } = open(path);

      expect(state.residency('m')).toEqual({
        operatorPin: undefined,
        isLoadPinned: false,
        ttlS: 0,
      });
      expect(state.drain).toBeUndefined();
      expect(warnings).toHaveLength(1);
    },
  );

  test('starts empty, without a warning, where no file is', () => {
    expect(open(freshPath()).warnings).toEqual([]);
  });
});

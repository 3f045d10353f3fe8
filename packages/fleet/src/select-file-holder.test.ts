import { describe, expect, test } from 'bun:test';

import { entry, fleet, quiet, report, takeDown } from '../test/build-fleet.ts';
import { selectFileHolder } from './select-file-holder.ts';

const ask = (overrides: object = {}) => ({ model: 'm', tried: [], ...overrides });
const unloaded = (overrides: object = {}) =>
  entry('m', { status: 'unloaded', on_disk: true, ...overrides });

const chosen = (selection: ReturnType<typeof selectFileHolder>) =>
  selection.kind === 'node'
    ? selection.replica.node
    : selection.kind === 'refused'
      ? selection.refusal.kind
      : selection.kind;

describe('selectFileHolder', () => {
  test('prefers a node that has the model loaded to one that has it on disk', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'] }, [
      report('a', [unloaded()]),
      report('b', [entry('m')]),
    ]);

    expect(chosen(selectFileHolder(snapshot, ask(), quiet))).toBe('b');
    expect(chosen(selectFileHolder(snapshot, ask({ node: 'a' }), quiet))).toBe('a');
    expect(chosen(selectFileHolder(snapshot, ask({ tried: ['b'] }), quiet))).toBe('a');
  });

  test.each(['unloaded', 'failed', 'recovering', 'unloading', 'sleeping'])(
    'accepts a node that has the model in state %s',
    (status) => {
      const { snapshot } = fleet({ nodes: ['a'] }, [report('a', [unloaded({ status })])]);

      expect(chosen(selectFileHolder(snapshot, ask(), quiet))).toBe('a');
    },
  );

  test('refuses when no node has the file, and loads nothing', () => {
    const { snapshot } = fleet({ nodes: ['a', 'b'], catalogue: [{ id: 'm' }] }, [
      report('a', []),
      report('b', [entry('m', { status: 'pulling', on_disk: false })]),
    ]);

    expect(chosen(selectFileHolder(snapshot, ask(), quiet))).toBe('no_file');
  });

  test('waits for nodes that have not answered yet, and never chooses one that is down', () => {
    const pending = fleet({ nodes: ['a'] });
    const down = fleet({ nodes: ['a'] }, [report('a', [unloaded()])]);
    takeDown(down, 'a');

    expect(chosen(selectFileHolder(pending.snapshot, ask(), quiet))).toBe('pending');
    expect(chosen(selectFileHolder(down.snapshot, ask(), quiet))).toBe('no_healthy_node');
  });

  test('refuses an unknown model', () => {
    const { snapshot } = fleet({ nodes: ['a'] }, [report('a', [])]);

    expect(chosen(selectFileHolder(snapshot, ask(), quiet))).toBe('not_found');
  });
});

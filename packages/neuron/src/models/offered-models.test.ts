import { describe, expect, test } from 'bun:test';

import type { Harness, OfferedModel } from '../harness/harness.ts';
import { Listeners } from '../listeners.ts';
import { OfferedModels } from './offered-models.ts';

/** A harness whose server lists what a test says. */
function server(name: string) {
  const changes = new Listeners();
  let models: readonly OfferedModel[] = [];
  const harness: Harness = {
    name,
    kind: 'openai',
    needs: 'nothing',
    isPlaced: false,
    offers: {
      changes,
      get models() {
        return models;
      },
    },
    onChange: () => undefined,
    health: () => ({ ok: true }),
    listModels: () => [],
    loadModel: () => Promise.reject(new Error('not asked')),
    unloadModel: async () => undefined,
    inferenceEndpoint: () => undefined,
    serve: () => Promise.reject(new Error('not asked')),
  };
  return {
    harness,
    lists: (...ids: readonly string[]): void => {
      models = ids.map((id) => ({ id }));
      changes.call();
    },
  };
}

function setUp(...harnesses: readonly Harness[]) {
  const files = new Set<string>();
  const changed: string[] = [];
  const logged: unknown[] = [];
  const offered = new OfferedModels({
    harnesses,
    isFile: (id) => files.has(id),
    onChange: (id) => void changed.push(id),
    log: { info: (fields: unknown) => void logged.push(fields) },
  });
  return { offered, files, changed, logged };
}

describe('the models that servers offer', () => {
  test('are those of the first harness that lists them, and changes are reported one by one', () => {
    const [first, second] = [server('first'), server('second')];
    const { offered, changed } = setUp(first.harness, second.harness);

    second.lists('a', 'b');
    expect(offered.get('a')).toEqual({ id: 'a', harness: 'second' });
    first.lists('a');

    expect(offered.get('a')).toEqual({ id: 'a', harness: 'first' });
    expect(changed).toEqual(['a', 'b', 'a']);
    expect([...offered.ids].sort()).toEqual(['a', 'b']);
    second.lists();
    expect(offered.ids).toEqual(['a']);
  });

  test('do not hide a file of the same id, which is logged once', () => {
    const { harness, lists } = server('h');
    const { offered, files, logged } = setUp(harness);
    files.add('a');

    lists('a', 'b');
    lists('a', 'b', 'c');
    offered.filesScanned();

    expect(offered.get('a')).toBeUndefined();
    expect(offered.ids).toEqual(['b', 'c']);
    expect(logged).toEqual([{ count: 1, models: ['a'] }]);
    files.delete('a');
    expect(offered.get('a')?.harness).toBe('h');
  });

  test('give their harness to a load that names neither a harness nor a source', () => {
    const { harness, lists } = server('h');
    const { offered } = setUp(harness);
    lists('a');

    expect(offered.complete({ model_id: 'a', slots: 2 })).toEqual({
      model_id: 'a',
      slots: 2,
      harness: 'h',
    });
    for (const call of [
      { model_id: 'a', harness: 'llama' },
      { model_id: 'a', source: 'hf:org/a' },
      { model_id: 'other' },
    ]) {
      expect(offered.complete(call)).toBe(call);
    }
  });
});

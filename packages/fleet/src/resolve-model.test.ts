import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { entry, fleet, report } from '../test/build-fleet.ts';
import { type Fits, nameForUnnamed, nearNames, resolveModel as resolveWith } from './index.ts';
import type { FleetSnapshot } from './snapshot.ts';

const state = fleet(
  {
    nodes: ['a', 'b'],
    catalogue: [{ id: 'Qwen/Qwen3-8B' }, { id: 'big', harness: 'vllm' }],
    aliases: {
      'claude-*': 'big',
      'claude-haiku-*': 'Qwen/Qwen3-8B',
      'claude-exact': 'Qwen/Qwen3-8B',
      pair: ['big', 'small'],
      chain: 'pair',
    },
  },
  [report('a', [entry('small')]), report('b', [])],
);
const resolveModel = (snapshot: FleetSnapshot, asked: string, fits: Fits = () => false) =>
  resolveWith(snapshot, asked, fits);
const resolve = (asked: string) => resolveModel(state.snapshot, asked);

describe('resolveModel', () => {
  test('returns a model id unchanged', () => {
    expect(resolve('Qwen/Qwen3-8B')).toEqual({
      kind: 'model',
      model: 'Qwen/Qwen3-8B',
      viaAlias: false,
    });
  });

  test('prefers an exact alias to globs, and the longest glob to shorter ones', () => {
    const models = ['claude-exact', 'claude-haiku-4', 'claude-opus'].map((asked) => resolve(asked));
    expect(models).toMatchObject([
      { model: 'Qwen/Qwen3-8B', viaAlias: true },
      { model: 'Qwen/Qwen3-8B', viaAlias: true },
      { model: 'big', viaAlias: true },
    ]);
  });

  test('matches regular expression characters in globs literally', () => {
    const dotted = fleet({ nodes: ['a'], aliases: { 'gpt-4.1*': 'm' } });
    expect(resolveModel(dotted.snapshot, 'gpt-4x1').kind).toBe('unknown');
    expect(resolveModel(dotted.snapshot, 'gpt-4.1-mini').kind).toBe('model');
  });

  test('chooses the first loaded model of a list', () => {
    expect(resolve('pair')).toMatchObject({ model: 'small' });
  });

  test('chooses from a list without a loaded model the first that fits without eviction, else the first', () => {
    const { snapshot } = fleet({ nodes: ['a'], aliases: { pair: ['large', 'small'] } });
    const pick = (...fitting: readonly string[]) =>
      resolveModel(snapshot, 'pair', (model) => fitting.includes(model));
    expect([pick('large', 'small'), pick('small'), pick()]).toMatchObject([
      { model: 'large' },
      { model: 'small' },
      { model: 'large' },
    ]);
  });

  test('does not follow an alias of an alias', () => {
    expect(resolve('chain')).toMatchObject({ model: 'pair' });
  });

  test('restricts id@node to one node, also through an alias', () => {
    expect(resolve('small@a')).toMatchObject({ model: 'small', node: 'a', viaAlias: false });
    expect(resolve('claude-exact@b')).toMatchObject({ model: 'Qwen/Qwen3-8B', node: 'b' });
    expect(resolve('small@nowhere').kind).toBe('unknown');
    expect(resolve('claude-sonnet@20240620')).toMatchObject({ model: 'big' });
  });

  test('resolves anthropic/NAME like NAME, unless the whole name is known', () => {
    const models = ['small', 'small@a', 'pair', 'claude-haiku-4', 'nope'].map((name) => [
      resolve(`anthropic/${name}`),
      resolve(name),
    ]);
    for (const [prefixed, plain] of models) {
      if (plain?.kind === 'model') expect(prefixed).toEqual(plain);
      else expect(prefixed?.kind).toBe('unknown');
    }
    const whole = fleet({ nodes: ['a'], aliases: { '*': 'glob' } }, [
      report('a', [entry('x'), entry('y'), entry('anthropic/y')]),
    ]);
    const asked = ['anthropic/x', 'anthropic/y', 'anthropic/z'];
    expect(asked.map((name) => resolveModel(whole.snapshot, name))).toMatchObject([
      { model: 'x' },
      { model: 'anthropic/y' },
      { model: 'glob' },
    ]);
  });

  test('answers an unknown name with near names, or with the alias default if there is one', () => {
    expect(resolve('qwen3-8b')).toEqual({ kind: 'unknown', near: ['Qwen/Qwen3-8B'] });
    const withDefault = fleet({ nodes: ['a'], aliases: { default: 'small' } });
    expect(resolveModel(withDefault.snapshot, 'gpt-4')).toMatchObject({ model: 'small' });
  });

  test('knows a model that only a node that is down has', () => {
    const lost = fleet({ nodes: ['a'] }, [report('a', [entry('m')])]);
    for (const atMs of [2, 3, 4]) {
      lost.apply({ kind: 'node_missed', node: 'a', atMs, error: 'gone' });
    }
    expect(resolveModel(lost.snapshot, 'm').kind).toBe('model');
  });
});

describe('nearNames', () => {
  test('finds a misspelt name and puts the nearest first', () => {
    expect(nearNames('cortex-tny', ['cortex-tiny', 'cortex-tiny2', 'llama'])).toEqual([
      'cortex-tiny',
      'cortex-tiny2',
    ]);
  });

  test('offers nothing for a name without a similar one', () => {
    expect(nearNames('gpt-4o', ['Qwen/Qwen3-8B', 'mistral'])).toEqual([]);
  });

  test('returns for any names at most five existing ones, an exact match first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 12 })),
        fc.string({ maxLength: 12 }),
        (names, asked) => {
          const near = nearNames(asked, [...names, asked]);
          expect(near.length).toBeLessThanOrEqual(5);
          for (const name of near) expect([...names, asked]).toContain(name);
        },
      ),
    );
  });
});

describe('a request without a model name', () => {
  const named = (options: Parameters<typeof fleet>[0], models: readonly string[]) =>
    nameForUnnamed(
      fleet(options, [
        report(
          'a',
          models.map((id) => entry(id)),
        ),
      ]).snapshot,
    );

  test('gets the alias default, else the only model, else none', () => {
    const nodes = ['a'];

    expect(named({ nodes, aliases: { default: 'm' } }, ['m', 'n'])).toBe('default');
    expect(named({ nodes }, ['m'])).toBe('m');
    expect(named({ nodes, catalogue: [{ id: 'm' }] }, ['m'])).toBe('m');
    expect(named({ nodes, catalogue: [{ id: 'm' }] }, [])).toBe('m');
    expect(named({ nodes }, ['m', 'n'])).toBeUndefined();
    expect(named({ nodes }, [])).toBeUndefined();
  });
});

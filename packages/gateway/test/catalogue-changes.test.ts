/** What nodes are told about loaded models after a change of models.toml, and by the operator. */
import { afterEach, describe, expect, test } from 'bun:test';

import type { CatalogueModel } from '@cortex/fleet';
import { LoadModelRequest, UnloadModelRequest } from '@cortex/protocol';
import { FakeNeuron } from '@cortex/testkit';

import { configOf, ControlUnderTest } from './control-under-test.ts';

let under: ControlUnderTest;
afterEach(() => under.close());
const { signal } = new AbortController();

const M: CatalogueModel = { id: 'm', contextLength: 8192 };
const LOADED = {
  id: 'm',
  settings: { harness: 'llama', context_length: 8192 },
  residency: { ttl_s: 0, pinned: false },
  idle_ms: 600_000,
  age_ms: 600_000,
  vram_used_mb: 8000,
};

async function started(catalogue: readonly CatalogueModel[] = [M]): Promise<FakeNeuron> {
  const neuron = new FakeNeuron({ models: [LOADED], memoryMib: 24_000 });
  under = await ControlUnderTest.started({ neurons: { a: neuron }, catalogue });
  return neuron;
}

function change(neuron: FakeNeuron, entry: CatalogueModel): void {
  const config = configOf({ a: neuron });
  under.control.reconfigure({ config, catalogue: [entry], aliases: [] });
}

describe('after a change of models.toml', () => {
  test('an idle model with other settings is unloaded, and the next request loads it with the new ones', async () => {
    const neuron = await started();

    change(neuron, { ...M, contextLength: 32_768 });
    const unload = UnloadModelRequest.parse(JSON.parse((await neuron.call('/models/unload')).body));
    await under.until(() => under.statusOf('m').includes('a:unloaded'));
    const request = under.acquire();
    (await neuron.load()).succeed();

    expect(unload).toEqual({ model_id: 'm', if_idle: true, if_generation: 1 });
    expect((await request).node).toBe('a');
    expect(under.control.evictions().get('replaced')).toBe(1);
    const load = await neuron.call('/models/load');
    expect(JSON.parse(load.body)).toMatchObject({ context_length: 32_768 });
  });

  test('TTL and pin of a loaded model are told by a load call with the settings that it has', async () => {
    const neuron = await started();

    change(neuron, { ...M, ttlS: 60, pinnedOn: ['a'] });

    const { body } = await neuron.call('/models/load');
    expect(LoadModelRequest.parse(JSON.parse(body))).toEqual({
      model_id: 'm',
      context_length: 8192,
      ttl_s: 60,
      pinned: true,
      detached: true,
    });
  });
});

describe('the operator', () => {
  test('unloads a preloaded model, which stays unloaded until it is asked for', async () => {
    const neuron = await started([{ ...M, preload: true }]);

    const [result] = await under.control.unloadModel({ model: 'm', force: false }, signal);
    await under.pollAgain();

    expect(result?.note).toContain('models.toml preloads m: it stays unloaded until');
    expect(under.statusOf('m')).toEqual(['a:unloaded']);
    expect(neuron.count('/models/load')).toBe(0);
  });
});

/** Every example that ships, and those of the first design, load strictly. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { loadGatewayConfig } from '@cortex/gateway';

import { loadNeuronConfig } from '../packages/neuron/src/config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const example = (name: string): string => join(ROOT, 'config', name);
const firstDesign = (name: string): string => join(ROOT, 'test/fixtures/first-design', name);

describe('the examples', () => {
  test('in config/ are the three of them, and all are loaded below', () => {
    const examples = readdirSync(join(ROOT, 'config')).filter((name) => name.endsWith('.toml'));

    expect(examples.toSorted()).toEqual([
      'cortex.example.toml',
      'models.example.toml',
      'neuron.example.toml',
    ]);
  });

  test('cortex.example.toml and models.example.toml load strictly', () => {
    const { config, models } = loadGatewayConfig({
      file: example('cortex.example.toml'),
      modelsFile: example('models.example.toml'),
      env: {},
    });

    expect(config.value.gateway.listen).toMatch(/:31313$/);
    expect(models.value.models.length).toBeGreaterThan(0);
  });

  test('neuron.example.toml loads strictly', () => {
    const { value } = loadNeuronConfig({ file: example('neuron.example.toml'), env: {} });

    expect(value.listen).toMatch(/:13131$/);
  });

  test('the first design’s cortex.toml and models.toml load unchanged', () => {
    const { config, models } = loadGatewayConfig({
      file: firstDesign('cortex.toml'),
      modelsFile: firstDesign('models.toml'),
      env: {},
    });

    expect(config.value.neurons.map(({ name }) => name)).toEqual(['beast', 'benjy', 'quadbrat']);
    expect(config.value.eviction).toMatchObject({ strategy: 'lru', defrag_after_cycles: 50 });
    expect(models.value.models.map(({ harness }) => harness)).toEqual([
      'mistralrs',
      'mistralrs',
      'mistralrs',
    ]);
    expect(models.value.models[0]).toMatchObject({
      min_devices: 2,
      min_device_vram_mb: 10_000,
      pinned_on: ['beast'],
    });
  });
});

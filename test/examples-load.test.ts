/** Every shipped example, and those of the first design, load strictly. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { loadGatewayConfig } from '@cortex/gateway';

import { loadNeuronConfig } from '../packages/neuron/src/config.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const example = (name: string): string => join(ROOT, 'config', name);
const firstDesign = (name: string): string => join(ROOT, 'test/fixtures/first-design', name);

describe('the example configuration files', () => {
  test('are exactly the three files that these tests load', () => {
    const examples = readdirSync(join(ROOT, 'config')).filter((name) => name.endsWith('.toml'));

    expect(examples.toSorted()).toEqual([
      'cortex.example.toml',
      'models.example.toml',
      'neuron.example.toml',
    ]);
  });

  test('include cortex.example.toml and models.example.toml, which load strictly', () => {
    const { config, models } = loadGatewayConfig({
      file: example('cortex.example.toml'),
      modelsFile: example('models.example.toml'),
      env: {},
    });

    expect(config.value.gateway.listen).toMatch(/:31313$/);
    expect(models.value.models.length).toBeGreaterThan(0);
  });

  test('include neuron.example.toml, which loads strictly', () => {
    const { value } = loadNeuronConfig({ file: example('neuron.example.toml'), env: {} });

    expect(value.listen).toMatch(/:13131$/);
  });

  test('include cortex.toml and models.toml of the first design, which load unchanged', () => {
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

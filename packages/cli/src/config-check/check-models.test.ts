import { Discovery, NodeModels } from '@cortex/protocol';
import { expect, test } from 'bun:test';

import { checkModel } from './check-models.ts';

const discovery = Discovery.parse({
  hostname: 'h',
  os: 'linux',
  kernel: '6',
  arch: 'x64',
  cpu: { model: 'c', cores: 1 },
  ram_total_mb: 1,
  storage: [],
  devices: [],
  harnesses: ['llama', 'ollama'],
});

const check = (entry: object) =>
  checkModel({ id: 'm', harness: undefined }, [
    {
      name: 'n',
      endpoint: 'http://n',
      kind: 'answered',
      discovery,
      models: NodeModels.parse([{ id: 'm', harness: 'llama', status: 'unloaded', ...entry }]),
    },
  ]);

test('a node can serve a model that names no harness if it has the file, or one of its servers lists it', () => {
  expect(check({ on_disk: true }).nodes).toEqual(['n']);
  expect(check({ harness: 'ollama' }).nodes).toEqual(['n']);
  expect(check({ status: 'failed' })).toMatchObject({
    nodes: [],
    note: 'no node has its files',
  });
});

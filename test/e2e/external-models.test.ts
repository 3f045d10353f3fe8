import { ModelList } from '@cortex/protocol';
import { FakeServer } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import { askWhole } from './ask.ts';
import { eventually } from './processes.ts';
import { adminGet, startUp } from './start-up.ts';

test('a model of a server that already runs is listed and served through the gateway without a catalogue entry', async () => {
  using server = new FakeServer({
    port: 0,
    models: ['qwen3:8b'],
    contextTokens: 4096,
    slots: 2,
    hasVision: false,
  });
  await using up = await startUp({
    neuronToml: `[[harnesses]]\nname = "ollama"\nkind = "openai"\nendpoint = "${server.url}"\n`,
  });

  const listed = await eventually('the model in the list', async () =>
    (await listModels(up.api)).find(({ id }) => id === 'qwen3:8b'),
  );
  expect(listed).toMatchObject({ loaded: false, status: { value: 'unloaded' } });
  expect(await (await adminGet(up, '/models')).text()).toContain('"qwen3:8b"');

  const answer = await askWhole(up.api, { model: 'qwen3:8b', max_tokens: 3 });

  expect(answer.usage?.completion_tokens).toBe(3);
  expect(server.lastBody('/v1/chat/completions')).toContain('"model":"qwen3:8b"');
});

async function listModels(api: string) {
  return ModelList.parse(await (await fetch(`${api}/v1/models`)).json()).data;
}

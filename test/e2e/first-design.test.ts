import { join } from 'node:path';
import { expect, test } from 'bun:test';

import { ErrorEnvelope, ModelList } from '@cortex/protocol';

import { post } from './ask.ts';
import { eventually } from './processes.ts';
import { ROOT, startUp } from './start-up.ts';

const FIRST_DESIGN = join(ROOT, 'test/fixtures/first-design');

test('models.toml of the first design starts, and /v1/models reports a harness that no node has', async () => {
  await using up = await startUp({ args: ['--models', join(FIRST_DESIGN, 'models.toml')] });
  const id = 'Qwen/Qwen3-VL-8B';

  const entry = await eventually('the model in the list', async () => {
    const list = ModelList.parse(await (await fetch(`${up.api}/v1/models`)).json());
    return list.data.find((model) => model.id === id);
  });
  const byPath = await fetch(`${up.api}/v1/models/${id}`);
  const answer = await post(up.api, { model: id });

  expect(entry).toMatchObject({ loaded: false, feasible_on: [] });
  expect(entry.reason).toContain('mistralrs');
  expect(byPath.status).toBe(200);
  expect(answer.status).toBe(404);
  const { error } = ErrorEnvelope.parse(await answer.json());
  expect(error.code).toBe('model_not_found');
  expect(error.message).toContain('mistralrs');
});

test('cortex.toml of the first design starts although none of its nodes answers', async () => {
  await using up = await startUp({ args: ['-c', join(FIRST_DESIGN, 'cortex.toml')] });

  const response = await fetch(`${up.api}/health`);

  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ nodes: { total: 4 } });
});

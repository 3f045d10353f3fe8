import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { ErrorEnvelope, ModelList, NodeModels } from '@cortex/protocol';

import { post } from './ask.ts';
import { CORTEX_BIN, Program, ROOT, startUp, type Up, Workspace } from './start-up.ts';

const TINY = join(ROOT, 'models', 'cortex-tiny.gguf');

async function errorOf(
  response: Response,
): Promise<{ status: number; error: ErrorEnvelope['error'] }> {
  const { error } = ErrorEnvelope.parse(await response.json());
  return { status: response.status, error };
}

describe('a mistake in a request or a model file is answered clearly:', () => {
  let up: Up;

  beforeAll(async () => {
    const workspace = new Workspace();
    writeFileSync(join(workspace.modelsDir, 'broken.gguf'), 'GGUF this is not a model');
    copyFileSync(TINY, join(workspace.modelsDir, 'mine.gguf'));
    writeFileSync(join(workspace.modelsDir, 'mended.gguf'), 'GGUF this is not a model');
    up = await startUp({
      workspace,
      modelsToml: `
        [[models]]
        id = "absent"
        source = "file:${workspace.path('absent.gguf')}"
        [aliases]
        "tiny" = "cortex-tiny"
        "claude-*" = "cortex-tiny"
      `,
    });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('an unknown model gets 404 with its name and similar names', async () => {
    const { status, error } = await errorOf(await post(up.api, { model: 'cortex-tinny' }));

    expect({ status, code: error.code }).toEqual({ status: 404, code: 'model_not_found' });
    expect(error.message).toContain('cortex-tinny');
    expect(error.message).toContain('cortex-tiny');
  });

  test('a body that is not JSON gets 400 malformed_json with the position', async () => {
    const { status, error } = await errorOf(
      await post(up.api, {}, { body: '{"model": "cortex-tiny", ' }),
    );

    expect({ status, code: error.code }).toEqual({ status: 400, code: 'malformed_json' });
    expect(error.message).toMatch(/\d/);
  });

  test('a body without a model gets 400 missing_model_field', async () => {
    const { status, error } = await errorOf(await post(up.api, {}, { body: '{"messages":[]}' }));

    expect({ status, code: error.code, param: error.param }).toEqual({
      status: 400,
      code: 'missing_model_field',
      param: 'model',
    });
  });

  test('a broken model file gets 422 model_load_failed with its name, and /models keeps the reason', async () => {
    const { status, error } = await errorOf(await post(up.api, { model: 'broken' }));

    expect({ status, code: error.code }).toEqual({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain('broken.gguf');
    const entries = NodeModels.parse(await (await fetch(`${up.node}/models`)).json());
    const broken = entries.find(({ id }) => id === 'broken');
    expect(broken?.status).toBe('failed');
    expect(broken?.reason).toContain('broken.gguf');
  });

  test('a missing model file gets model_load_failed with its path, without an immediate retry', async () => {
    const first = await errorOf(await post(up.api, { model: 'absent' }));
    const startedMs = performance.now();
    const second = await errorOf(await post(up.api, { model: 'absent' }));

    for (const { status, error } of [first, second]) {
      expect({ status, code: error.code }).toEqual({ status: 422, code: 'model_load_failed' });
      expect(error.message).toContain('absent.gguf');
    }
    expect(performance.now() - startedMs).toBeLessThan(500);
  });

  test('a model file that was broken or missing is loaded by the next request after it is restored', async () => {
    const path = join(up.workspace.modelsDir, 'mended.gguf');
    const ask = async () => {
      const response = await post(up.api, { model: 'mended', max_tokens: 1 });
      await response.text();
      return response.status;
    };
    const statuses = [await ask(), await ask()];
    copyFileSync(TINY, path);
    statuses.push(await ask());
    await fetch(`${up.node}/models/unload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"model_id":"mended"}',
    });
    rmSync(path);
    statuses.push(await ask(), await ask(), await ask());
    copyFileSync(TINY, path);
    statuses.push(await ask());

    expect(statuses).toEqual([422, 422, 200, 422, 422, 422, 200]);
  });

  test('a file that is copied into the models folder is loaded at its first request and served under its name', async () => {
    const response = await post(up.api, { model: 'mine', max_tokens: 4 });

    expect(response.status).toBe(200);
    expect(response.headers.get('x-cortex-model')).toBe('mine');
    expect(response.headers.get('x-cortex-cold-start')).toBe('true');
    await response.text();
  });

  test('an alias and a glob give answers with the name of the model', async () => {
    for (const model of ['tiny', 'claude-anything']) {
      const response = await post(up.api, { model, max_tokens: 2 });

      expect(await response.json()).toMatchObject({ model: 'cortex-tiny' });
      expect(response.headers.get('x-cortex-model')).toBe('cortex-tiny');
    }
  });

  test('the other models are not affected', async () => {
    const list = ModelList.parse(await (await fetch(`${up.api}/v1/models`)).json());

    expect(list.data.find(({ id }) => id === 'cortex-tiny')).toMatchObject({
      loaded: true,
      status: { value: 'loaded' },
    });
  });
});

async function failedStart(
  workspace: Workspace,
  options: { args?: string[]; env?: Record<string, string> },
): Promise<string> {
  const program = new Program([CORTEX_BIN, 'up', ...(options.args ?? [])], {
    env: { ...workspace.env, ...options.env },
  });
  expect(await program.ended).toBe(1);
  return program.output.trim();
}

describe('a mistake in the configuration ends cortex up with one line and exit code 1:', () => {
  test('an unknown key, with file, line, key and the nearest known key', async () => {
    using workspace = new Workspace();
    const file = workspace.write('cortex.toml', '[gateway]\nlisen = "127.0.0.1:0"\n');

    const output = await failedStart(workspace, { args: ['-c', file] });

    expect(output.split('\n')).toHaveLength(1);
    expect(output).toContain(`${file}:2`);
    expect(output).toContain('gateway.lisen');
    expect(output).toContain('did you mean gateway.listen?');
  });

  test('an unknown key of neuron.toml', async () => {
    using workspace = new Workspace();
    const file = workspace.write('neuron.toml', 'modles_dir = "x"\n');

    const output = await failedStart(workspace, { args: ['--neuron-config', file] });

    expect(output.split('\n')).toHaveLength(1);
    expect(output).toContain(`${file}:1`);
    expect(output).toContain('did you mean models_dir?');
  });

  test('a configuration file that does not exist', async () => {
    using workspace = new Workspace();

    const output = await failedStart(workspace, {
      args: ['--models', workspace.path('none.toml')],
    });

    expect(output).toContain(workspace.path('none.toml'));
  });

  test.each([
    ['NEURON_LISTEN', 'listen'],
    ['CORTEX_GATEWAY__LISTEN', 'gateway.listen'],
    ['CORTEX_GATEWAY__METRICS_LISTEN', 'gateway.metrics_listen'],
  ])('a port in use, with the key to change, %s', async (variable, key) => {
    using workspace = new Workspace();
    using other = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });

    const output = await failedStart(workspace, {
      env: { [variable]: `127.0.0.1:${other.port}` },
    });

    expect(output.split('\n')).toHaveLength(1);
    expect(output).toContain(`127.0.0.1:${other.port} is in use`);
    expect(output).toContain(key);
    expect(output).toContain(variable);
  });

  test('an unknown flag is a usage error with exit code 2', async () => {
    const program = new Program([CORTEX_BIN, 'up', '--lann']);

    expect(await program.ended).toBe(2);
    expect(program.output).toContain('--lan');
  });
});

test('a second cortex up with the same state folder ends with exit code 1 and names the process of the first', async () => {
  await using up = await startUp();

  const output = await failedStart(up.workspace, {});

  expect(output).toContain('is used by another neuron');
  expect(output.split('\n').at(-1)).toMatch(
    new RegExp(`"cortex up" is already running with .* \\(process ${up.pid}\\): stop it, or set`),
  );
});

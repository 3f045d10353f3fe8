import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import OpenAI from 'openai';

import { eventually } from './processes.ts';
import { CORTEX_BIN, Program, startUp, type Up } from './start-up.ts';

describe('the client commands', () => {
  let up: Up;

  beforeAll(async () => {
    up = await startUp();
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  async function cortex(...args: string[]): Promise<string> {
    const program = new Program([CORTEX_BIN, ...args], {
      env: { ...up.workspace.env, CORTEX_URL: up.api },
    });
    const code = await program.ended;
    if (code !== 0) throw new Error(`exit code ${code}: ${program.output}`);
    return program.output;
  }

  test('models and status show the model, its node and its device', async () => {
    expect(await cortex('models')).toMatch(/cortex-tiny +loaded +\d+ +local/);
    expect(await cortex('status')).toMatch(/ok +1 of 1 nodes up[^]*local +up[^]*local, cpu/);
    expect(await cortex('status')).toMatch(/CPU \d+\/\d+ MB for models/);
    expect(JSON.parse(await cortex('status', '--json'))).toMatchObject({
      health: { status: 'ok' },
      nodes: [{ name: 'local', state: 'up' }],
    });
  });

  test('nodes shows the hardware and the loaded model of each node', async () => {
    expect(await cortex('nodes')).toMatch(/local +up +\d\S+ +.*, \d+ cores +cortex-tiny +0 +http/);
  });

  test('connect prints variables with which the OpenAI SDK gets an answer', async () => {
    const text = await cortex('connect', 'openai');
    const variables = Object.fromEntries(
      [...text.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    const client = new OpenAI({
      baseURL: variables['OPENAI_BASE_URL'],
      apiKey: variables['OPENAI_API_KEY'],
    });

    const answer = await client.chat.completions.create({
      model: 'cortex-tiny',
      messages: [{ role: 'user', content: 'What is cortex?' }],
      max_tokens: 4,
    });

    expect(answer.choices).toHaveLength(1);
  });

  test('unload frees the memory, and load loads the model again', async () => {
    expect(await cortex('unload', 'cortex-tiny')).toContain('cortex-tiny is unloaded on local');
    expect(await cortex('models')).toMatch(/cortex-tiny +unloaded/);

    expect(await cortex('load', 'cortex-tiny', '--node', 'local')).toContain('on local');
    await eventually('the model to be loaded', async () =>
      /cortex-tiny +loaded/.test(await cortex('models')),
    );
  });

  test('print one line with the reason on failure, and exit with code 1', async () => {
    const program = new Program([CORTEX_BIN, 'load', 'nobody-has-it'], {
      env: { ...up.workspace.env, CORTEX_URL: up.api },
    });

    expect(await program.ended).toBe(1);
    expect(program.output.trim().split('\n')).toHaveLength(1);
    expect(program.output).toContain('nobody-has-it');
  });

  test('config check prints the source of each value and the nodes that can serve each model', async () => {
    const file = up.workspace.write(
      'cortex.toml',
      `[gateway]\nmax_body_mb = 7\n[[neurons]]\nname = "here"\nendpoint = "${up.node}"\n`,
    );
    const models = up.workspace.write(
      'models.toml',
      '[[models]]\nid = "cortex-tiny"\n[[models]]\nid = "far"\nharness = "mistralrs"\n',
    );

    const text = await cortex('config', 'check', '-c', file, '--models', models);

    expect(text).toMatch(/gateway\.max_body_mb +7 +.*cortex\.toml:2/);
    expect(text).toMatch(/gateway\.shutdown_grace_s +30 +default/);
    expect(text).toMatch(/here +http:\S+ +ok/);
    expect(text).toMatch(/cortex-tiny +llama +here/);
    expect(text).toMatch(/far +mistralrs +no +no neuron has the harness mistralrs/);
  });
});

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { z } from 'zod';

import { CORTEX_BIN, Program, startUp, type Up } from './start-up.ts';

const MODEL = 'cortex-tiny';

const Report = z.object({
  model: z.string(),
  checks: z.array(z.object({ call: z.string(), outcome: z.string() })),
});
const ClaudeSettings = z.looseObject({ env: z.record(z.string(), z.string()) });
const CodexSettings = z.object({
  model: z.string(),
  model_context_window: z.int(),
  model_providers: z.object({ cortex: z.object({ base_url: z.url(), wire_api: z.string() }) }),
});

describe('cortex connect', () => {
  let up: Up;

  beforeAll(async () => {
    up = await startUp();
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  const path = (name: string): string => up.workspace.path(`home/${name}`);

  async function cortex(...args: string[]): Promise<{ code: number; output: string }> {
    const home = { HOME: path(''), XDG_CONFIG_HOME: '', CLAUDE_CONFIG_DIR: '', CODEX_HOME: '' };
    const program = new Program([CORTEX_BIN, ...args], {
      env: { ...up.workspace.env, ...home, CORTEX_URL: up.api },
    });
    const code = await program.ended;
    return { code, output: program.output };
  }

  const isLoaded = async (): Promise<boolean> =>
    z
      .looseObject({ loaded: z.boolean() })
      .parse(await (await fetch(`${up.api}/v1/models/${MODEL}`)).json()).loaded;

  test.each(['claude-code', 'codex', 'opencode', 'zed', 'vscode', 'open-webui', 'cline'])(
    'finds that the API of %s answers for the only model',
    async (name) => {
      const { code, output } = await cortex('connect', name, '--json');

      expect(code).toBe(0);
      const { model, checks } = Report.parse(JSON.parse(output));
      expect(model).toBe(MODEL);
      expect(checks.map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
    },
  );

  test('writes settings of Claude Code with which the Anthropic SDK gets an answer', async () => {
    const file = path('.claude/settings.json');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '{\n  // mine\n  "theme": "dark"\n}\n');

    const first = await cortex('connect', 'claude-code', '--write');
    const written = readFileSync(file, 'utf8');
    const second = await cortex('connect', 'claude-code', '--write');

    expect(first.code).toBe(0);
    expect(first.output).toContain(`${file}.before-cortex`);
    expect(first.output).toMatch(/cortex-tiny has a context of \d+ tokens/);
    expect(second.output).toContain('nothing is changed');
    expect(readFileSync(file, 'utf8')).toBe(written);
    expect(written).toContain('// mine');
    const { env } = ClaudeSettings.parse(Bun.JSONC.parse(written));
    const client = new Anthropic({
      baseURL: env['ANTHROPIC_BASE_URL'],
      authToken: env['ANTHROPIC_AUTH_TOKEN'],
      apiKey: null,
    });
    const answer = await client.messages.create({
      model: env['ANTHROPIC_DEFAULT_HAIKU_MODEL'] ?? '',
      max_tokens: 4,
      messages: [{ role: 'user', content: 'What is cortex?' }],
    });
    expect(answer.usage.output_tokens).toBe(4);
  });

  test('writes settings of Codex with which the OpenAI SDK gets a response', async () => {
    expect((await cortex('connect', 'codex', '--write')).code).toBe(0);

    const settings = CodexSettings.parse(
      Bun.TOML.parse(readFileSync(path('.codex/config.toml'), 'utf8')),
    );
    const client = new OpenAI({
      baseURL: settings.model_providers.cortex.base_url,
      apiKey: 'any',
    });
    const response = await client.responses.create({
      model: settings.model,
      input: 'What is cortex?',
      max_output_tokens: 4,
    });
    expect(response.model).toBe(MODEL);
  });

  test('lists the models if the named one does not exist, and writes nothing', async () => {
    const { code, output } = await cortex('connect', 'opencode', '--model', 'tiny', '--write');

    expect(code).toBe(1);
    expect(output).toContain(`no chat model "tiny"`);
    expect(output).toContain(`Models: ${MODEL}`);
    expect(existsSync(path('.config/opencode'))).toBe(false);
  });

  test('loads the model only with --check', async () => {
    expect((await cortex('unload', MODEL)).code).toBe(0);

    const cold = await cortex('connect', 'zed');
    expect(cold.output).toContain('POST /v1/chat/completions: not tried');
    expect(await isLoaded()).toBe(false);

    const checked = await cortex('connect', 'zed', '--check');
    expect(checked.output).toContain('POST /v1/chat/completions: ok');
    expect(checked.code).toBe(0);
    expect(await isLoaded()).toBe(true);
  });
});

test('cortex connect takes the model of the alias "default" of a gateway with several', async () => {
  await using up = await startUp({
    modelsToml: `[[models]]\nid = "${MODEL}"\n[[models]]\nid = "other"\nsource = "hf:org/other"\n[aliases]\ndefault = "${MODEL}"\n`,
  });

  const program = new Program([CORTEX_BIN, 'connect', 'codex', '--json', '-u', up.api]);

  expect(await program.ended).toBe(0);
  expect(Report.parse(JSON.parse(program.output)).model).toBe(MODEL);
});

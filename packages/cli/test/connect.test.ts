import { describe, expect, test } from 'bun:test';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { z } from 'zod';

import { connectCommand } from '../src/commands/connect.ts';
import { TOOL_NAMES, TOOLS } from '../src/connect/tools.ts';
import { FakeClient, FakeTerminal, listedModel, plain } from './fake-client.ts';

const WARM = listedModel({
  id: 'org/warm',
  capabilities: ['text', 'tools', 'vision'],
  aliases: ['fast', 'claude-fast'],
  limit: { context: 65_536, output: 8192 },
});
const COLD = listedModel({ id: 'cold', loaded: false, limit: undefined });
const VECTORS = listedModel({ id: 'vectors', capabilities: ['embedding'] });

const Report = z.looseObject({
  checks: z.array(z.looseObject({ call: z.string(), outcome: z.string() })),
  notes: z.array(z.string()),
  settings: z.array(z.looseObject({ target: z.string(), text: z.string() })).optional(),
  written: z
    .array(z.looseObject({ path: z.string(), changed: z.boolean(), backup: z.string().optional() }))
    .optional(),
});

/** A user with a home of their own, and a gateway. */
class User {
  readonly home = temporaryFolder('cortex-connect');
  readonly client = new FakeClient();
  readonly env: Record<string, string | undefined> = { HOME: this.home };

  constructor(listed = [WARM, VECTORS]) {
    this.client.listed = listed;
  }

  async run(...args: string[]) {
    const terminal = new FakeTerminal();
    const context = { connect: () => this.client, terminal, paint: plain };
    await connectCommand(context, this.env).exitOverride().parseAsync(args, { from: 'user' });
    return terminal;
  }

  async report(...args: string[]) {
    return Report.parse(JSON.parse((await this.run(...args, '--json')).text));
  }

  path(name: string): string {
    return join(this.home, name);
  }

  write(name: string, text: string): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }
}

const CLAUDE = '.claude/settings.json';
const CODEX = '.codex/config.toml';
const CONTINUE = '.continue/config.yaml';
const ZED = '.config/zed/settings.json';

describe('the settings that cortex connect prints', () => {
  test('are listed by program, with whether --write can set it up', async () => {
    const { text } = await new User().run();

    for (const name of TOOL_NAMES) expect(text).toMatch(new RegExp(`^${name} +(yes|no) `, 'm'));
  });

  test('name the real model and its limits to Claude Code', async () => {
    const user = new User();
    const { text } = await user.run('claude-code');

    expect(JSON.parse(text)).toEqual({
      env: {
        ANTHROPIC_BASE_URL: 'http://gateway',
        ANTHROPIC_AUTH_TOKEN: 'none',
        ANTHROPIC_MODEL: 'org/warm',
        ANTHROPIC_DEFAULT_OPUS_MODEL: 'org/warm',
        ANTHROPIC_DEFAULT_SONNET_MODEL: 'org/warm',
        ANTHROPIC_DEFAULT_HAIKU_MODEL: 'org/warm',
        CLAUDE_CODE_MAX_CONTEXT_TOKENS: '65536',
        CLAUDE_CODE_MAX_OUTPUT_TOKENS: '8192',
        CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
      },
      includeGitInstructions: false,
    });
    expect(existsSync(user.path('.claude'))).toBe(false);
  });

  test('name the real model to Claude Code for an alias like a name of Anthropic', async () => {
    const { text } = await new User().run('claude-code', '--model', 'claude-fast');

    expect(JSON.parse(text)).toMatchObject({ env: { ANTHROPIC_MODEL: 'org/warm' } });
  });

  test('warn if the context is too short for Claude Code', async () => {
    const small = listedModel({ id: 'small', limit: { context: 47_999, output: 4096 } });
    const { warnings } = await new User([small]).run('claude-code');

    expect(warnings).toContain('small has a context of 47999 tokens');
    expect((await new User().run('claude-code')).warnings).not.toContain('has a context of');
  });

  test('give opencode every model that answers chats, and choose one', async () => {
    const { text } = await new User([COLD, WARM, VECTORS]).run('opencode', '--model', 'org/warm');

    expect(JSON.parse(text)).toEqual({
      $schema: 'https://opencode.ai/config.json',
      model: 'cortex/org/warm',
      provider: {
        cortex: {
          npm: '@ai-sdk/openai-compatible',
          name: 'cortex',
          options: { baseURL: 'http://gateway/v1', apiKey: 'none' },
          models: {
            'org/warm': {
              name: 'org/warm',
              limit: { context: 65_536, output: 8192 },
              tool_call: true,
              attachment: true,
              modalities: { input: ['text', 'image'], output: ['text'] },
            },
            cold: { name: 'cold', tool_call: false },
          },
        },
      },
    });
  });

  test('give Codex a provider of the Responses API', async () => {
    const { text } = await new User().run('codex');

    expect(Bun.TOML.parse(text)).toEqual({
      model: 'org/warm',
      model_provider: 'cortex',
      model_context_window: 65_536,
      model_providers: {
        cortex: { name: 'cortex', base_url: 'http://gateway/v1', wire_api: 'responses' },
      },
    });
  });

  test('leave out a model whose context Zed would need, and say so', async () => {
    const { text, warnings } = await new User([WARM, COLD]).run('zed', '--model', 'fast');

    expect(JSON.parse(text)).toMatchObject({
      agent: { default_model: { provider: 'cortex', model: 'fast' } },
      language_models: {
        openai_compatible: {
          cortex: {
            api_url: 'http://gateway/v1',
            available_models: [
              { name: 'fast', max_tokens: 65_536, capabilities: { tools: true, images: true } },
            ],
          },
        },
      },
    });
    expect(warnings).toContain(
      'cold is left out: its context length is known after its first load',
    );
    await expect(new User([COLD]).run('zed')).rejects.toThrow('--check loads it');
  });

  test('give aider the model under the name of its API, and the limits in a second file', async () => {
    const { settings } = await new User().report('aider');

    const [config, metadata] = settings ?? [];
    expect(Bun.YAML.parse(config?.text ?? '')).toEqual({
      model: 'openai/org/warm',
      'openai-api-base': 'http://gateway/v1',
      'openai-api-key': 'none',
    });
    expect(JSON.parse(metadata?.text ?? '')).toMatchObject({
      'openai/org/warm': { max_input_tokens: 65_536, max_output_tokens: 8192 },
    });
    expect((await new User([COLD]).report('aider')).settings).toHaveLength(1);
  });

  test('give Continue one entry for each model', async () => {
    const { text } = await new User([WARM, COLD]).run('continue', '--model', 'org/warm');

    expect(Bun.YAML.parse(text)).toMatchObject({
      schema: 'v1',
      models: [
        {
          name: 'cortex: org/warm',
          provider: 'openai',
          apiBase: 'http://gateway/v1',
          capabilities: ['tool_use', 'image_input'],
          defaultCompletionOptions: { contextLength: 65_536, maxTokens: 8192 },
        },
        { name: 'cortex: cold' },
      ],
    });
  });

  test.each(['vscode', 'cline', 'open-webui'])(
    'tell the user of %s the address and the model',
    async (name) => {
      const { text } = await new User().run(name);

      expect(text).toContain('http://gateway/v1');
      expect(text).toContain('org/warm');
    },
  );

  test.each(["it's", '$(reboot)', 'a b'])(
    'are variables from which a shell reads the model name %p as one word',
    async (id) => {
      const { text } = await new User([listedModel({ id })]).run('open-webui');

      const { stdout } = Bun.spawnSync(['sh', '-c', `${text}\nprintf %s "$DEFAULT_MODELS"`]);
      expect(stdout.toString()).toBe(id);
    },
  );

  test('have the key of the user for a gateway that requires one', async () => {
    const user = new User();
    user.env['CORTEX_API_KEY'] = 'sk-user';

    expect((await user.run('claude-code')).text).toContain('"ANTHROPIC_AUTH_TOKEN": "sk-user"');
    const { text } = await user.run('codex');
    expect(text).toContain('env_key = "CORTEX_API_KEY"');
    expect(text).not.toContain('sk-user');
    user.env['CORTEX_API_KEY'] = 'two words';
    await expect(user.run('codex')).rejects.toThrow('CORTEX_API_KEY cannot be used');
  });
});

describe('the model that cortex connect chooses', () => {
  test('is that of the alias "default"', async () => {
    const user = new User([COLD, WARM]);
    user.client.defaultModel = 'org/warm';

    expect((await user.run('codex')).text).toContain('model = "org/warm"');
  });

  test('is the only one, also if an alias of it is listed', async () => {
    const { text } = await new User([{ ...WARM, id: 'alias', root: 'org/warm' }, WARM]).run(
      'codex',
    );

    expect(text).toContain('model = "org/warm"');
  });

  test('has to be named if there are several and no default, and the error lists them', async () => {
    const run = new User([COLD, WARM]).run('codex');

    await expect(run).rejects.toThrow(
      /choose one with --model\.\nModels: org\/warm \(loaded\), cold/,
    );
    await expect(run).rejects.toMatchObject({ exitCode: 2 });
  });

  test('must exist, and the error lists the models', async () => {
    const user = new User([WARM]);
    user.client.defaultModel = 'org/warm';

    await expect(user.run('codex', '--model', 'warm')).rejects.toThrow(
      'no chat model "warm".\nModels: org/warm (loaded)',
    );
    await expect(user.run('codex', '--model', 'org/warm@elsewhere')).rejects.toThrow(
      'no chat model',
    );
    expect((await user.run('codex', '--model', 'org/warm@local')).text).toContain('org/warm@local');
  });

  test('is missing on a gateway without models, and the error says where to look', async () => {
    await expect(new User([]).run('openai')).rejects.toThrow('cortex status');
  });
});

describe('the checks of cortex connect', () => {
  test.each([
    ['claude-code', '/v1/messages'],
    ['codex', '/v1/responses'],
    ['zed', '/v1/chat/completions'],
  ])('ask a loaded model for one token in the API of %s', async (name, path) => {
    const user = new User();
    const { checks } = await user.report(name);

    expect(checks).toEqual([
      { call: 'GET /v1/models', outcome: 'ok' },
      { call: `POST ${path}`, outcome: 'ok' },
    ]);
    expect(user.client.questions.at(-1)?.body).toMatchObject({ model: 'org/warm' });
  });

  test('do not load a model unless asked to', async () => {
    const user = new User([COLD]);

    const { checks } = await user.report('claude-code');
    expect(checks.at(-1)).toMatchObject({ outcome: 'skipped' });
    expect(user.client.questions.map(({ path }) => path)).toEqual(['/v1/models?limit=1000']);

    expect((await user.report('claude-code', '--check')).checks.at(-1)?.outcome).toBe('ok');
    expect(user.client.questions.at(-1)?.path).toBe('/v1/messages');
  });

  test('fail the command after the settings are printed, and nothing is written', async () => {
    const user = new User();
    user.client.refusals = { '/v1/messages': 'The node went away. [node_unreachable]' };

    await expect(user.run('claude-code')).rejects.toThrow(
      'claude-code cannot use org/warm now: POST /v1/messages: failed, The node went away.',
    );
    await expect(user.run('claude-code', '--write')).rejects.toThrow('nothing is written');
    expect(readdirSync(user.home)).toEqual([]);
  });
});

test('cortex connect says why a model could not be loaded, before it says what is not known of it', async () => {
  const user = new User([COLD]);
  user.client.refusals = { '/v1/chat/completions': 'The file is broken. [model_load_failed]' };

  await expect(user.run('zed', '--check')).rejects.toThrow('The file is broken.');
});

describe('cortex connect --write', () => {
  test('makes a new file that only its owner can read', async () => {
    const user = new User();

    const { written } = await user.report('claude-code', '--write');

    expect(written).toEqual([{ path: user.path(CLAUDE), changed: true }]);
    expect(JSON.parse(user.read(CLAUDE))).toMatchObject({
      env: { ANTHROPIC_BASE_URL: 'http://gateway' },
    });
    expect(statSync(user.path(CLAUDE)).mode & 0o777).toBe(0o600);
  });

  test('keeps the rest of the file, the comments, and a copy of the file as it was', async () => {
    const user = new User();
    const before = '// mine\n{\n\t"theme": "dark", // nice\n\t"agent": { "dock": "left" },\n}\n';
    chmodSync(user.write(ZED, before), 0o640);

    const { text } = await user.run('zed', '--write');

    const after = user.read(ZED);
    expect(after).toStartWith(
      '// mine\n{\n\t"theme": "dark", // nice\n\t"agent": {\n\t\t"dock": "left",',
    );
    expect(after).toContain('"provider": "cortex"');
    expect(statSync(user.path(ZED)).mode & 0o777).toBe(0o640);
    const backup = `${user.path(ZED)}.before-cortex`;
    expect(text).toContain(backup);
    expect(readFileSync(backup, 'utf8')).toBe(before);
  });

  test.each(TOOL_NAMES.filter((name) => 'files' in TOOLS[name]))(
    'changes nothing in the files of %s the second time, and says so',
    async (name) => {
      const user = new User();
      const { written: first = [] } = await user.report(name, '--write');
      const texts = first.map(({ path }) => readFileSync(path, 'utf8'));

      const { written = [] } = await user.report(name, '--write');

      expect(first.every(({ changed }) => changed)).toBe(true);
      expect(written).toEqual(first.map(({ path }) => ({ path, changed: false })));
      expect(written.map(({ path }) => readFileSync(path, 'utf8'))).toEqual(texts);
      expect((await user.run(name, '--write')).text).toContain('nothing is changed');
    },
  );

  test('never overwrites an earlier copy', async () => {
    const user = new User();
    user.write(CODEX, 'model = "a"\n');
    await user.run('codex', '--write');
    const second = user.read(CODEX).replace('org/warm', 'b');
    user.write(CODEX, second);

    await user.run('codex', '--write');

    expect(user.read(`${CODEX}.before-cortex`)).toBe('model = "a"\n');
    expect(user.read(`${CODEX}.before-cortex-2`)).toBe(second);
  });

  test.each([
    ['claude-code', CLAUDE, '{\n  "env": {},\n  "a" 1\n}\n', ':3: it is not valid JSON'],
    ['claude-code', CLAUDE, '[]', ': it does not hold an object'],
    ['claude-code', CLAUDE, '{"env":"x"}', ': env is not an object'],
    ['claude-code', CLAUDE, '{"env":{"ANTHROPIC_MODEL":"a"},"env":{}}', 'more than once'],
    ['codex', CODEX, 'a = 1\nb =\n', ':2: it is not valid TOML'],
    ['codex', CODEX, 'model_providers = 3\n', ': model_providers is not an object'],
    ['continue', CONTINUE, 'name: a\nmodels: [\n', ':3: it is not valid YAML'],
    ['continue', CONTINUE, 'a: 1\n---\nb: 2\n', 'more than one document'],
  ])(
    'refuses a file of %s that it cannot edit, and leaves it as it is',
    async (name, file, text, reason) => {
      const user = new User();
      const path = user.write(file, text);

      await expect(user.run(name, '--write')).rejects.toThrow(
        `${path}${reason.startsWith(':') ? reason : ''}`,
      );
      await expect(user.run(name, '--write')).rejects.toThrow(reason);

      expect(user.read(file)).toBe(text);
      expect(readdirSync(dirname(path))).toHaveLength(1);
    },
  );

  test('refuses a file that is not text', async () => {
    const user = new User();
    const path = user.write(CLAUDE, '');
    writeFileSync(path, new Uint8Array([0x7b, 0xff, 0x7d]));

    await expect(user.run('claude-code', '--write')).rejects.toThrow('it is not UTF-8');
  });

  test('says which path cannot be used because a part of it is a file', async () => {
    const user = new User();
    user.write('.codex', '');

    await expect(user.run('codex', '--write')).rejects.toThrow(
      `${user.path(CODEX)} cannot be read: a part of the path is not a folder`,
    );
  });

  test('keeps the mark with which some editors begin a file', async () => {
    const user = new User();
    user.write(CLAUDE, '\uFEFF{\n  "theme": "dark"\n}\n');

    await user.run('claude-code', '--write');

    expect(user.read(CLAUDE)).toStartWith('\uFEFF{\n  "theme": "dark",\n  "env": {');
  });

  test('refuses both files of aider if the second is broken', async () => {
    const user = new User();
    user.write('.aider.model.metadata.json', '{');

    await expect(user.run('aider', '--write')).rejects.toThrow('.aider.model.metadata.json:1');

    expect(readdirSync(user.home)).toEqual(['.aider.model.metadata.json']);
  });

  test('writes through a link, which stays one', async () => {
    const user = new User();
    const target = user.write('dotfiles/claude.json', '{}\n');
    mkdirSync(user.path('.claude'));
    symlinkSync(target, user.path(CLAUDE));

    await user.run('claude-code', '--write');

    expect(readFileSync(target, 'utf8')).toContain('ANTHROPIC_BASE_URL');
    expect(existsSync(`${target}.before-cortex`)).toBe(true);
  });

  test('writes where the variables of the environment put the files', async () => {
    const user = new User();
    user.env['XDG_CONFIG_HOME'] = user.path('xdg');
    user.env['CODEX_HOME'] = user.path('codex');
    user.write('xdg/opencode/opencode.json', '{}');

    const [opencode] = (await user.report('opencode', '--write')).written ?? [];
    const [codex] = (await user.report('codex', '--write')).written ?? [];

    expect(opencode?.path).toBe(user.path('xdg/opencode/opencode.json'));
    expect(codex?.path).toBe(user.path('codex/config.toml'));
  });

  test.each(['vscode', 'cline', 'open-webui', 'openai'])(
    'is a usage error for %s, with the reason',
    async (name) => {
      const run = new User().run(name, '--write');

      await expect(run).rejects.toThrow(`--write cannot set up ${name}: `);
      await expect(run).rejects.toMatchObject({ exitCode: 2 });
    },
  );

  test('with --dry-run prints the whole file as it would be, and writes nothing', async () => {
    const user = new User();
    user.write(CODEX, '# mine\napproval_policy = "never"\n');

    const { text } = await user.run('codex', '--write', '--dry-run');

    expect(text).toStartWith('# mine\napproval_policy = "never"\nmodel = "org/warm"\n');
    expect(user.read(CODEX)).toBe('# mine\napproval_policy = "never"\n');
  });
});

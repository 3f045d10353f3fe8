import { Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'bun:test';

import { chatCommand } from '../src/commands/chat.ts';
import { drainCommand } from '../src/commands/drain.ts';
import { explainCommand } from '../src/commands/explain.ts';
import { freeCommand, parseDuration } from '../src/commands/free.ts';
import { joinTokenCommand } from '../src/commands/join-token.ts';
import { loadCommand } from '../src/commands/load.ts';
import { modelsCommand } from '../src/commands/models.ts';
import { nodesCommand } from '../src/commands/nodes.ts';
import { pinCommand } from '../src/commands/pin.ts';
import { statusCommand } from '../src/commands/status.ts';
import { unloadCommand } from '../src/commands/unload.ts';
import {
  adminModel,
  adminNode,
  FakeClient,
  FakeTerminal,
  listedModel,
  plain,
} from './fake-client.ts';

function fixture(client = new FakeClient()) {
  const terminal = new FakeTerminal();
  const context = { connect: () => client, terminal, paint: plain };
  const run = async (
    command: { parseAsync: (args: string[], o: { from: 'user' }) => unknown },
    ...args: string[]
  ) => {
    await command.parseAsync(args, { from: 'user' });
    return terminal.text;
  };
  return { client, terminal, context, run };
}

describe('cortex join-token', () => {
  test('prints the token and the command for the node, with the URL that was called', async () => {
    const { context, run } = fixture();

    const text = await run(joinTokenCommand(context));

    expect(text).toContain('Token: 0a-token\n');
    expect(text).toContain('valid once, within 60 minutes');
    expect(text).toEndWith('\n\nneuron join http://gateway 0a-token\n');
  });

  test('says what to write instead of a loopback address on another machine', async () => {
    const client = new FakeClient();
    client.url = 'http://127.0.0.1:31313';
    const { context, run } = fixture(client);

    expect(await run(joinTokenCommand(context))).toContain('this one instead of 127.0.0.1');
  });

  test('prints JSON for scripts', async () => {
    const { context, run } = fixture();

    expect(JSON.parse(await run(joinTokenCommand(context), '--json'))).toEqual({
      token: '0a-token',
      expires_in_s: 3600,
      url: 'http://gateway',
      command: 'neuron join http://gateway 0a-token',
    });
  });
});

describe('cortex explain', () => {
  const explained = {
    'model coder': ['coder is loaded on beast.'],
    'request my-own-id': ['my-own-id asked for coder.'],
  };

  test.each([
    ['coder', 'coder is loaded on beast.\n'],
    ['my-own-id', 'my-own-id asked for coder.\n'],
  ])('prints what is known of the model or request %s', async (asked, text) => {
    const { client, context, run } = fixture();
    client.explained = explained;

    expect(await run(explainCommand(context), asked)).toBe(text);
  });

  test('fails with the reason for a name that is neither', async () => {
    const { context, run } = fixture();

    const failed = run(explainCommand(context), 'codr');

    await expect(failed).rejects.toThrow('nothing is known of codr');
  });

  test('prints JSON with --json', async () => {
    const { client, context, run } = fixture();
    client.explained = explained;

    const text = await run(explainCommand(context), 'coder', '--json');

    expect(JSON.parse(text)).toMatchObject({
      model: 'cortex-tiny',
      text: explained['model coder'],
    });
  });
});

describe('cortex models', () => {
  test('prints one row per model and omits empty columns', async () => {
    const { context, run } = fixture();

    const text = await run(modelsCommand(context));

    expect(text).toBe('MODEL        STATUS  CONTEXT  NODES\ncortex-tiny  loaded     4096  local\n');
  });

  test('shows why no node can serve a model', async () => {
    const { client, context, run } = fixture();
    client.listed = [
      listedModel({
        loaded: false,
        status: { value: 'unloaded' },
        locations: [],
        reason: 'no harness x',
      }),
    ];

    expect(await run(modelsCommand(context))).toContain('no harness x');
  });

  test('shows the progress of a load', async () => {
    const { client, context, run } = fixture();
    client.listed = [listedModel({ loaded: false, status: { value: 'loading', progress: 0.426 } })];

    expect(await run(modelsCommand(context))).toContain('loading 43 %');
  });

  test('explains how to add a model if there is none', async () => {
    const { client, context, run } = fixture();
    client.listed = [];

    expect(await run(modelsCommand(context))).toContain('models_dir');
  });

  test('prints JSON with --json', async () => {
    const { client, context, run } = fixture();

    expect(JSON.parse(await run(modelsCommand(context), '--json'))).toEqual(client.listed);
  });
});

describe('cortex status', () => {
  test('shows nodes and models, and why a node is down', async () => {
    const { client, context, run } = fixture();
    client.nodeList = [
      adminNode(),
      adminNode({ name: 'beast', state: 'down', error: 'connection refused' }),
    ];

    const text = await run(statusCommand(context));

    expect(text).toMatch(/beast +down .*connection refused/);
    expect(text).toMatch(/cortex-tiny +loaded +local, cpu/);
  });

  test('shows a host that sleeps or is being woken as such, and one that did not wake with its error', async () => {
    const { client, context, run } = fixture();
    const gone = { state: 'down', error: 'connection refused' } as const;
    client.nodeList = [
      adminNode({ name: 'one', ...gone, sleep: 'asleep' }),
      adminNode({ name: 'two', ...gone, sleep: 'waking' }),
      adminNode({ name: 'three', ...gone, sleep: 'overslept' }),
    ];

    const text = await run(statusCommand(context));

    expect(text).toMatch(/one +asleep .*woken when a model needs it/);
    expect(text).toMatch(/two +waking .*being woken/);
    expect(text).toMatch(/three +down .*connection refused/);
  });

  test('shows the memory that models may use on a node without a GPU, not its RAM', async () => {
    const { client, context, run } = fixture();
    const cpu = { index: -1, name: 'Example CPU', kind: 'cpu', vram_total_mb: 16_000 };
    client.nodeList = [adminNode({ devices: [{ ...cpu, vram_used_mb: 1200 }] })];

    const text = await run(statusCommand(context));

    expect(text).toContain('CPU 1200/16000 MB for models');
    expect(text).not.toContain('32768');
  });

  test('shows the progress of a load and the reason of a failure', async () => {
    const { client, context, run } = fixture();
    client.modelList = [
      adminModel({}, { status: 'loading', progress: 0.4 }),
      adminModel({ id: 'broken' }, { status: 'failed', reason: 'broken.gguf: not a GGUF file' }),
    ];

    const text = await run(statusCommand(context));

    expect(text).toContain('loading 40 %');
    expect(text).toContain('broken.gguf: not a GGUF file');
  });

  test('does not repeat the status of an unloaded model as a note', async () => {
    const { client, context, run } = fixture();
    const servable = { ok: false, reason: 'unloaded' };
    client.modelList = [adminModel({}, { status: 'unloaded', servable })];

    const text = await run(statusCommand(context));

    expect(text.match(/unloaded/g)).toHaveLength(1);
  });

  test('names the keys of cortex.toml that wait for a restart', async () => {
    const { client, context, run } = fixture();
    client.restartRequired = ['gateway.listen'];

    expect(await run(statusCommand(context))).toContain(
      'Restart cortex to use the new gateway.listen.',
    );
  });
});

describe('cortex status --json', () => {
  test('prints the fleet as the admin API has it', async () => {
    const { client, context, run } = fixture();

    expect(JSON.parse(await run(statusCommand(context), '--json'))).toEqual(await client.fleet());
  });
});

describe('cortex nodes', () => {
  test('shows hardware and models of a node, and why one is unreachable', async () => {
    const { client, context, run } = fixture();
    const models = [
      { id: 'a', status: 'loaded' },
      { id: 'b', status: 'loading' },
      { id: 'c', status: 'unloaded' },
    ];
    client.nodeList = [
      adminNode({ models }),
      adminNode({ name: 'beast', state: 'down', version: undefined, error: 'refused' }),
    ];

    const text = await run(nodesCommand(context, '0.1.0'));

    expect(text).toMatch(/^local +up +0\.1\.0 +Example CPU, 8 cores +a, b \(loading\) +0 /m);
    expect(text).toMatch(/^beast +down +- .* refused$/m);
  });

  test('says that requests avoid a node, and why', async () => {
    const { client, context, run } = fixture();
    const failed = { ago_s: 4, remaining_s: 6, failures: 4, code: 'node_unreachable' };
    client.nodeList = [
      adminNode({
        avoided: [
          { ...failed, text: 'requests avoid it for 6 s more' },
          { ...failed, model: 'm', text: 'requests for m avoid it for 6 s more' },
        ],
      }),
    ];

    expect(await run(nodesCommand(context, '0.1.0'))).toMatch(
      /^local +up .* requests avoid it for 6 s more; requests for m avoid it for 6 s more$/m,
    );
    expect(await run(statusCommand(context))).toContain('requests for m avoid it for 6 s more');
  });

  test('marks a version that is not its own', async () => {
    const { context, run } = fixture();

    expect(await run(nodesCommand(context, '0.2.0'))).toContain('0.1.0 (here 0.2.0)');
  });

  test('says how to add a node if there is none', async () => {
    const { client, context, run } = fixture();
    client.nodeList = [];

    expect(await run(nodesCommand(context, '0.1.0'))).toContain('[[neurons]]');
  });

  test('prints JSON with --json', async () => {
    const { client, context, run } = fixture();

    expect(JSON.parse(await run(nodesCommand(context, '0.1.0'), '--json'))).toEqual(
      client.nodeList,
    );
  });
});

describe('cortex load and unload', () => {
  test('send model and node to the gateway and print the result', async () => {
    const { client, context, run } = fixture();

    const text = await run(loadCommand(context), 'org/model', '--node', 'beast');

    expect(client.calls).toEqual([{ model: 'org/model', node: 'beast' }]);
    expect(text).toContain('org/model is loading on beast');
  });

  test('cortex unload ends running requests only with --force', async () => {
    const { client, context, run } = fixture();

    await run(unloadCommand(context), 'a');
    await run(unloadCommand(context), 'a', '--force');

    expect(client.calls.map(({ force }) => force)).toEqual([false, true]);
  });
});

describe('cortex chat through a pipe', () => {
  const streams = (question: string) => ({
    input: Readable.from([question]),
    output: new Writable(),
  });

  test('prints only the answer', async () => {
    const { client, context, run } = fixture();
    client.answer = [{ reasoning: 'Hm.' }, { text: '\n\nIt is a gate' }, { text: 'way.' }];

    expect(await run(chatCommand(context, streams('What is cortex?\n')))).toBe(
      'It is a gateway.\n',
    );
  });

  test('uses a loaded model if none is named', async () => {
    const { client, context, run } = fixture();
    client.listed = [listedModel({ id: 'cold', loaded: false }), listedModel({ id: 'warm' })];

    await run(chatCommand(context, streams('hi')));

    expect(client.bodies[0]).toMatchObject({
      model: 'warm',
      messages: [{ role: 'user', content: 'hi' }],
    });
  });

  test('sends the system prompt and asks for thinking', async () => {
    const { client, context, run } = fixture();

    await run(chatCommand(context, streams('hi')), 'm', '--system', 'Be brief.', '--think');

    expect(client.bodies[0]).toMatchObject({
      messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user' }],
      chat_template_kwargs: { enable_thinking: true },
    });
  });

  test('prints the whole answer as JSON with --json', async () => {
    const { context, run } = fixture();

    const text = await run(chatCommand(context, streams('hi')), '--json');

    expect(JSON.parse(text)).toMatchObject({
      model: 'cortex-tiny',
      text: 'Hello.',
      finish: 'stop',
    });
  });

  test('refuses empty standard input', async () => {
    const { context, run } = fixture();

    await expect(run(chatCommand(context, streams('  \n')))).rejects.toThrow(
      'standard input is empty',
    );
  });
});

describe('cortex pin', () => {
  test('names the node that keeps the model', async () => {
    const { context, run } = fixture();

    expect(await run(pinCommand(context), 'cortex-tiny')).toBe('cortex-tiny is pinned on local.\n');
  });

  test('removes the pin with --undo', async () => {
    const { context, run } = fixture();

    expect(await run(pinCommand(context), 'cortex-tiny', '--undo')).toBe(
      'cortex-tiny is no longer pinned on local.\n',
    );
  });
});

describe('cortex drain', () => {
  test('says how to use the node again', async () => {
    const { context, run } = fixture();

    expect(await run(drainCommand(context), 'local')).toContain('cortex drain local --undo');
  });

  test('with --undo says that the node takes requests again', async () => {
    const { context, run } = fixture();

    expect(await run(drainCommand(context), 'local', '--undo')).toBe(
      'local takes requests and loads again.\n',
    );
  });
});

describe('cortex free', () => {
  test('lists the models that were unloaded, and when the node loads models again', async () => {
    const { context, run } = fixture();

    const text = await run(freeCommand(context), 'local', '--for', '2h');

    expect(text).toContain('Unloaded from local: cortex-tiny.');
    expect(text).toContain('in 2 hours');
  });

  test.each([
    ['30s', 'in 30 seconds'],
    ['1m', 'in 1 minute,'],
    ['90s', 'in 90 seconds'],
    ['1.5d', 'in 36 hours'],
  ])('says for --for %s that the node loads models again %s', async (duration, when) => {
    const { context, run } = fixture();
    expect(await run(freeCommand(context), 'local', '--for', duration)).toContain(when);
  });

  test('says which of the unloaded models are pinned', async () => {
    const { client, context, run, terminal } = fixture();
    client.freed = { unloaded: ['m', 'n'], pinned: ['n'], kept: [] };

    const text = await run(freeCommand(context), 'local');

    expect(text).toContain('Unloaded from local: m, n.');
    expect(terminal.warnings).toStartWith('n is pinned on local and was unloaded too.');
    expect(terminal.warnings).toContain('It stays pinned');
  });

  test('warns about a model that the node still has', async () => {
    const { client, context, run, terminal } = fixture();
    client.freed = {
      unloaded: [],
      pinned: [],
      kept: [{ model: 'm', reason: 'it was loaded again' }],
    };

    await run(freeCommand(context), 'local');

    expect(terminal.warnings).toBe('m is still on local: it was loaded again\n');
  });

  test.each([
    ['90s', 90],
    ['1.5m', 90],
    ['2h', 7200],
    ['7d', 604_800],
  ])('reads the duration %s as %p seconds', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each(['2', '2 h', '-1h', '0s', '8d', '1w', ''])('refuses the duration %p', (text) => {
    expect(() => parseDuration(text)).toThrow('such as 90s');
  });
});

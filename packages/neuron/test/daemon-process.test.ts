import { closeSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'bun:test';

import { adopt, isAlive, killDaemons, MAIN, outcome, runNeuron, startDaemon } from './daemon.ts';
import { createTestFolder, readUntil, until } from './test-neuron.ts';

const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
/** How long the daemon is stopped: longer than the 5 s for which an engine may send no statistics. */
const STOPPED_S = SCALE >= 1 ? 30 : 8;

afterEach(killDaemons);

describe('neuron serve', () => {
  test('loads the default models after it has bound the port, and answers', async () => {
    const { chat, child, pid } = await startDaemon();

    const answer = await chat({ max_tokens: 4 });

    expect(answer.status).toBe(200);
    expect(pid).toBe(child.pid);
  }, 30_000);

  test('leaves no engine 2 s after a SIGKILL', async () => {
    const { child, engines, chat } = await startDaemon();
    const [engine] = engines();
    await readUntil(await chat({ stream: true, ignore_eos: true, max_tokens: 4000 }), '"content"');

    child.kill('SIGKILL');

    await until(() => engine !== undefined && !isAlive(engine), 2000);
  }, 30_000);

  test(`that was stopped for ${STOPPED_S} s (30 with SCALE=1) kills no healthy engine when it runs again, and still finds a wedged one`, async () => {
    const { pid, engines, chat } = await startDaemon('', { NEURON_ENGINE__WEDGE_S: '2' });
    const before = engines();
    const [engine] = before;
    if (engine === undefined) throw new Error('no engine');
    const { reader } = await readUntil(
      await chat({ stream: true, ignore_eos: true, max_tokens: 1500 }),
      '"content"',
    );
    process.kill(pid, 'SIGSTOP');
    // A stopped daemon reports nothing, so only time can be waited for.
    await Bun.sleep(STOPPED_S * 1000);

    process.kill(pid, 'SIGCONT');

    await readUntil(reader, 'data: [DONE]');
    expect(engines()).toEqual(before);

    process.kill(engine, 'SIGSTOP');
    await until(() => engines().some((other) => other !== engine), 30_000);
    expect(isAlive(engine)).toBe(false);
  }, 120_000);

  test('on SIGTERM finishes requests in flight, refuses new work, ends engines and exits with 0', async () => {
    const { child, engines, chat } = await startDaemon('shutdown_grace_s = 60');
    const [engine] = engines();
    const stream = await readUntil(
      await chat({ stream: true, ignore_eos: true, max_tokens: 250 }),
      '"content"',
    );

    child.kill('SIGTERM');

    let refused = await chat({ max_tokens: 1 });
    while (refused.status === 200) refused = await chat({ max_tokens: 1 });
    expect(refused.status).toBe(503);
    expect((await refused.json()).error.code).toBe('shutting_down');
    expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
    let text = stream.seen;
    for (let part = await stream.reader.read(); !part.done; part = await stream.reader.read()) {
      text += new TextDecoder().decode(part.value);
    }
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(text).not.toContain('data: {"error"');
    expect(await child.exited).toBe(0);
    expect(engine !== undefined && isAlive(engine)).toBe(false);
  }, 90_000);

  test('ends requests in flight with shutting_down after the grace period', async () => {
    const { child, chat } = await startDaemon('shutdown_grace_s = 0');
    const stream = await readUntil(
      await chat({ stream: true, ignore_eos: true, max_tokens: 4000 }),
      '"content"',
    );

    child.kill('SIGTERM');

    let text = stream.seen;
    for (let part = await stream.reader.read(); !part.done; part = await stream.reader.read()) {
      text += new TextDecoder().decode(part.value);
    }
    expect(text).toContain('"code":"shutting_down"');
    expect(await child.exited).toBe(0);
  }, 30_000);

  test('ends with its parent', async () => {
    const { root, modelsDir } = createTestFolder();
    const readyFile = join(root, 'ready.json');
    const child = Bun.spawn([process.execPath, MAIN, 'serve', '--ready-file', readyFile], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
      env: {
        ...process.env,
        CORTEX_PARENT_FD: '3',
        NEURON_LISTEN: '127.0.0.1:0',
        NEURON_MODELS_DIR: modelsDir,
        NEURON_STATE_DIR: join(root, 'state'),
      },
    });
    adopt(child);
    await until(() => existsSync(readyFile));

    const pipe = child.stdio[3];
    if (typeof pipe !== 'number') throw new Error('no pipe');
    closeSync(pipe);

    expect(await child.exited).toBe(0);
  }, 30_000);

  test('stops at the start when the port is in use, and names the key', async () => {
    const taken = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
    const { root } = createTestFolder();

    const { code, stderr } = await outcome(
      runNeuron(['serve'], {
        NEURON_LISTEN: `127.0.0.1:${taken.port}`,
        NEURON_STATE_DIR: join(root, 'state'),
        NEURON_MODELS_DIR: join(root, 'models'),
      }),
    );

    expect(code).toBe(1);
    expect(stderr).toContain('listen');
    expect(stderr).toContain('NEURON_LISTEN');
    await taken.stop(true);
  });

  test('stops at the start on an unknown key, with file, line and the nearest key', async () => {
    const { root } = createTestFolder();
    writeFileSync(join(root, 'neuron.toml'), '\nlisen = "127.0.0.1:0"\n');

    const { code, stderr } = await outcome(runNeuron(['serve', '-c', join(root, 'neuron.toml')]));

    expect(code).toBe(1);
    expect(stderr).toContain('neuron.toml:2: unknown key lisen, did you mean listen?');
  });

  test('stops at the start when another neuron uses state_dir', async () => {
    const { child, engines } = await startDaemon();
    const record = engines();
    expect(record).toHaveLength(1);
    const environ = readFileSync(`/proc/${child.pid}/cmdline`, 'utf8').split('\0');
    const config = environ[environ.indexOf('-c') + 1] ?? '';

    const { code, stderr } = await outcome(runNeuron(['serve', '-c', config]));

    expect(code).toBe(1);
    expect(stderr).toContain('state_dir');
    expect(engines()).toEqual(record);
  }, 30_000);
});

describe('neuron', () => {
  test('prints the commands with --help and exits with 0', async () => {
    const { code, stdout } = await outcome(runNeuron(['--help']));

    expect(code).toBe(0);
    expect(stdout).toContain('serve');
    expect(stdout).toContain('discover');
  });

  test.each(['serve', 'discover', 'doctor', 'cert', 'build llama-server'])(
    'shows no default of a flag in the help of neuron %s',
    async (words) => {
      const { code, stdout } = await outcome(runNeuron([...words.split(' '), '--help']));

      expect(code).toBe(0);
      expect(stdout).toContain('--help');
      expect(stdout).not.toMatch(/default:\s+false/);
    },
  );

  test.each([[['srve']], [['serve', '--nope']]])(
    'exits with 2 on the usage error %p',
    async (args) => {
      expect((await outcome(runNeuron(args))).code).toBe(2);
    },
  );

  test('prints the discovery document with discover --json', async () => {
    const { code, stdout } = await outcome(runNeuron(['discover', '--json']));

    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      harnesses: ['llama'],
      cpu: {},
      devices: [{ kind: 'cpu' }],
    });
  });
});

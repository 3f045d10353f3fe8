/** The programs that `npm run build` makes. With `CORTEX_TEST_PROGRAMS`, all of test/e2e runs them. */
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { neededEnv } from '@cortex/service/runtime-settings';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { eventually } from '../e2e/processes.ts';
import { Program, ROOT } from '../e2e/start-up.ts';

const TARGET = `${process.platform}-${process.arch}`;
const FILES = ['cortex', 'neuron/neuron', 'neuron/engine/worker.js'];
const CHAT = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({
    model: 'cortex-tiny',
    messages: [{ role: 'user', content: 'What is cortex?' }],
    max_tokens: 8,
  }),
};

const dir = mkdtempSync(join(tmpdir(), 'cortex-build-'));
const built = join(dir, 'first', TARGET);
/** As for sources without a git repository. */
const SOURCE = { SOURCE_COMMIT: '0123456789'.repeat(4), SOURCE_DATE_EPOCH: '1790000000' };
const NOTHING = { HOME: dir, PATH: '/usr/bin:/bin' };

async function build(out: string): Promise<void> {
  const args = ['run', 'build', '--', '--cpu-only', '--out', out];
  const program = new Program(['npm', ...args], { cwd: ROOT, env: SOURCE });
  if ((await program.ended) !== 0) throw new Error(program.output);
}

/** Output of a program in an empty environment and folder. */
function run(path: string, ...args: readonly string[]): string {
  const { stdout, stderr } = Bun.spawnSync([join(built, path), ...args], {
    cwd: dir,
    env: NOTHING,
  });
  return `${stdout.toString()}${stderr.toString()}`;
}

const digest = (path: string): string =>
  createHash('sha256').update(readFileSync(path)).digest('hex');

beforeAll(() => build(join(dir, 'first')), 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('a build', () => {
  test('gives programs that name their version, commit and date', () => {
    for (const path of ['cortex', 'neuron/neuron']) {
      expect(run(path, '--version')).toMatch(
        /^\d+\.\d+\.\d+ \(commit 012345678901, 2026-09-21\)\n$/,
      );
    }
  });

  test('gives the same bytes again, without the name of the folder that it ran in', async () => {
    await build(join(dir, 'second'));

    for (const path of FILES) {
      expect(digest(join(dir, 'second', TARGET, path))).toBe(digest(join(built, path)));
      expect(readFileSync(join(built, path)).includes(join(ROOT, 'node_modules'))).toBe(false);
    }
  }, 120_000);

  test('refuses a target that there is no build for, and names those that there are', () => {
    const { exitCode, stderr } = Bun.spawnSync(['npm', 'run', '--silent', 'build', '--', 'plan9'], {
      cwd: ROOT,
    });

    expect(exitCode).toBe(1);
    expect(stderr.toString()).toContain('no build for plan9');
    expect(stderr.toString()).toContain('linux-x64 or linux-arm64');
  });
});

test('the built cortex starts the built neuron, answers, and leaves no process', async () => {
  const ready = join(dir, 'up.json');
  const up = new Program([join(built, 'cortex'), 'up', '--ready-file', ready], {
    cwd: dir,
    env: {
      ...NOTHING,
      CORTEX_STATE_DIR: join(dir, 'state'),
      CORTEX_GATEWAY__LISTEN: '127.0.0.1:0',
      CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.1:0',
      NEURON_LISTEN: '127.0.0.1:0',
      NEURON_ENGINE__THREADS: '1',
    },
  });
  await up.printed('cortex is up.', 30_000);
  const { api, node } = JSON.parse(readFileSync(ready, 'utf8'));

  const answer = await (await fetch(`${api}/v1/chat/completions`, CHAT)).json();
  const { commit } = await (await fetch(`${node}/version`)).json();
  up.interrupt();

  expect(await up.ended).toBe(0);
  expect(answer.choices[0].message.content).toStartWith('cortex');
  expect(commit).toBe(SOURCE.SOURCE_COMMIT);
}, 60_000);

test('the built neuron runs the engine within itself with isolation = "none"', async () => {
  const state = join(dir, 'node');
  mkdirSync(state);
  const ready = join(dir, 'node.json');
  const neuron = new Program([join(built, 'neuron/neuron'), 'serve', '--ready-file', ready], {
    cwd: dir,
    env: {
      ...NOTHING,
      NEURON_LISTEN: '127.0.0.1:0',
      NEURON_STATE_DIR: state,
      NEURON_MODELS_DIR: join(built, 'neuron/models'),
      NEURON_ENGINE__ISOLATION: 'none',
      NEURON_ENGINE__THREADS: '1',
    },
  });
  const { node } = await eventually('the ready file', () => {
    const text = Bun.file(ready);
    return text.size > 0 && JSON.parse(readFileSync(ready, 'utf8'));
  });

  const loaded = await fetch(`${node}/models/load?wait=true`, {
    ...CHAT,
    body: '{"model_id":"cortex-tiny"}',
  });
  const answer = await (await fetch(`${node}/v1/chat/completions`, CHAT)).json();
  neuron.child.kill('SIGTERM');

  expect(loaded.status).toBe(200);
  expect(answer.choices[0].message.content).toStartWith('cortex');
  expect(await neuron.ended).toBe(0);
}, 60_000);

test('every unit and image sets what the programs would otherwise start themselves again with', () => {
  const files = globSync(
    'deploy/{systemd/**/{cortex,neuron,cortex-up}.service,container/Containerfile.*}',
    {
      cwd: ROOT,
    },
  );
  const missing = files.filter((file) => {
    const text = readFileSync(join(ROOT, file), 'utf8');
    const set = text.matchAll(/\b(BUN_\w+|MIMALLOC_\w+)=(\d+)/g);
    return neededEnv(Object.fromEntries([...set].map(([, name, value]) => [name, value])));
  });

  expect(files).toHaveLength(5);
  expect(missing).toEqual([]);
});

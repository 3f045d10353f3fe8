import { existsSync, globSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';

import { post } from './ask.ts';
import { daemonProcess, eventually, isRunning, processTree, runs } from './processes.ts';
import {
  CORTEX_BIN,
  engineProcesses,
  neuronProcess,
  Program,
  startUp,
  type Up,
  Workspace,
} from './start-up.ts';

describe('cortex up', () => {
  let up: Up;

  beforeEach(async () => {
    up = await startUp();
  });
  afterEach(async () => {
    await up[Symbol.asyncDispose]();
  });

  const serves = async (): Promise<boolean> => {
    const response = await post(up.api, { max_tokens: 4 });
    await response.text();
    return response.ok;
  };

  test('restarts a killed neuron on its port, and its engines end within 2 s', async () => {
    const engines = engineProcesses(up);
    const neuron = neuronProcess(up);
    if (neuron === undefined) throw new Error('no neuron process');

    process.kill(neuron.pid, 'SIGKILL');

    await eventually('the engines to end', () => !engines.some(({ pid }) => isRunning(pid)), 2000);
    await up.program.printed('neuron is running again');
    await eventually('requests to be answered again', serves, 30_000);
    expect(engines.length).toBeGreaterThan(0);
    expect((await fetch(`${up.node}/health`)).status).toBe(200);
    expect(up.program.output).toContain('neuron has ended (');
  }, 60_000);

  test('restarts a killed gateway on its ports', async () => {
    const gateway = daemonProcess(up.program.pid, 'cortex');
    if (gateway === undefined) throw new Error('no gateway process');

    process.kill(gateway.pid, 'SIGKILL');

    await up.program.printed('cortex is running again');
    await eventually('requests to be answered again', () => serves().catch(() => false), 30_000);
    expect((await fetch(`${up.metrics}/metrics`)).status).toBe(200);
  }, 60_000);

  test('leaves no process behind when it is killed itself', async () => {
    const below = processTree(up.program.pid);

    for (const entry of below) if (runs(entry, 'cortex', 'up')) process.kill(entry.pid, 'SIGKILL');

    await eventually('everything to end', () => !below.some(({ pid }) => isRunning(pid)), 6000);
  }, 60_000);

  test('ends a running answer after the grace period, and at once on a second Ctrl-C', async () => {
    const answer = post(up.api, { max_tokens: 3900, ignore_eos: true, stream: true })
      .then((response) => response.text())
      .catch(() => '');
    const below = processTree(up.program.pid);
    const startedMs = performance.now();

    up.program.interrupt();
    await up.program.printed('Shutting down');
    const again = setTimeout(() => {
      if (isRunning(up.program.pid)) up.program.interrupt();
    }, 1100);
    await up.program.ended;
    clearTimeout(again);

    expect(performance.now() - startedMs).toBeLessThan(3000);
    await eventually('everything to end', () => !below.some(({ pid }) => isRunning(pid)), 2000);
    await answer;
  }, 60_000);
});

test('cortex up restarts a gateway that ends before the banner, and then prints the banner', async () => {
  using workspace = new Workspace();
  const readyFile = workspace.path('up.json');
  const program = new Program([CORTEX_BIN, 'up', '--ready-file', readyFile], {
    env: workspace.env,
  });
  await eventually('the ready file of the neuron', () =>
    globSync(workspace.path('state/up/*/neuron.json')).at(0),
  );
  const neuron = daemonProcess(program.pid, 'neuron');
  if (neuron === undefined) throw new Error('no neuron process');
  // A node that does not answer holds back the banner.
  process.kill(neuron.pid, 'SIGSTOP');

  await eventually('the ready file', () => existsSync(readyFile), 20_000);
  const gateway = daemonProcess(program.pid, 'cortex');
  if (gateway === undefined) throw new Error('no gateway process');
  process.kill(gateway.pid, 'SIGKILL');
  await program.printed('cortex has ended (SIGKILL)');
  process.kill(neuron.pid, 'SIGCONT');

  await program.printed('cortex is up.', 30_000);
  expect(program.output).toContain('cortex is running again');
  program.child.kill('SIGTERM');
  expect(await program.ended).toBe(0);
}, 60_000);

test('SIGTERM to npm start ends npm and every process that cortex up started', async () => {
  await using up = await startUp({ command: ['npm', 'start', '--silent', '--'] });
  const below = processTree(up.program.pid);

  up.program.child.kill('SIGTERM');

  await up.program.printed('Shutting down');
  await eventually('everything to end', () => !below.some(({ pid }) => isRunning(pid)), 6000);
  expect(below.length).toBeGreaterThan(4);
}, 60_000);

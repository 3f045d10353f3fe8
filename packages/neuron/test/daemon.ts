/** The daemon as a process: `neuron serve` with a configuration file. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { createTestFolder, readEngineRecords, until } from './test-neuron.ts';

export const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

const children: Bun.Subprocess[] = [];

/** Kills every process of the test; call it in `afterEach`. */
export function killDaemons(): void {
  for (const child of children.splice(0)) child.kill('SIGKILL');
}

/** Has `child` killed after the test. */
export function adopt(child: Bun.Subprocess): void {
  children.push(child);
}

/** Runs `neuron …`. */
export function runNeuron(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  program: string = MAIN,
) {
  const child = Bun.spawn([process.execPath, program, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...env },
  });
  children.push(child);
  return child;
}

/** What a command printed, and how it ended. */
export async function outcome(child: ReturnType<typeof runNeuron>) {
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { stdout, stderr, code };
}

/**
 * A daemon with `tiny` as default model, once that is loaded.
 *
 * @param extra - Text of neuron.toml before its tables.
 * @param env - `TEST_TOKEN` is the token that the calls of the test send.
 * @param program - Run instead of neuron, with the same arguments.
 */
export async function startDaemon(
  extra = '',
  env: Readonly<Record<string, string>> = {},
  program: string = MAIN,
) {
  const { root, modelsDir } = createTestFolder();
  const config = join(root, 'neuron.toml');
  const readyFile = join(root, 'ready.json');
  writeFileSync(
    config,
    [
      'listen = "127.0.0.1:0"',
      `models_dir = "${modelsDir}"`,
      `state_dir = "${join(root, 'state')}"`,
      extra,
      '[[default_models]]',
      'model_id = "tiny"',
      '[engine]',
      'threads = 1',
    ].join('\n'),
  );
  const child = runNeuron(['serve', '-c', config, '--ready-file', readyFile], env, program);
  await until(() => existsSync(readyFile));
  const { node, pid }: { node: string; pid: number } = JSON.parse(readFileSync(readyFile, 'utf8'));
  const engines = () =>
    readEngineRecords(join(root, 'state'))
      .filter(({ model_id: id }) => id === 'tiny')
      .map((record) => record.pid);
  const headers = { authorization: `Bearer ${env['TEST_TOKEN'] ?? ''}` };
  const isReady = async () =>
    (await (await fetch(`${node}/health`, { headers })).json()).ready === true;
  await until(isReady, 20_000);
  const chat = (fields: Readonly<Record<string, unknown>>) =>
    fetch(`${node}/v1/chat/completions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'hi' }],
        ...fields,
      }),
    });
  return { child, node, pid, root, engines, chat };
}

/** Whether a process runs; a zombie does not. */
export const isAlive = (pid: number): boolean => {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.startsWith('Z') === false;
  } catch {
    return false;
  }
};

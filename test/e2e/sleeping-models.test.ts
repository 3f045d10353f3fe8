/** A gateway, a node with one simulated GPU, and two real processes in the place of vLLM, of which one fits awake. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { NodeModels } from '@cortex/protocol';
import { FAKE_LLAMA_SERVER } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';

import { GatewayUnderTest } from '../../packages/gateway/test/gateway-under-test.ts';
import type { GpuSources } from '../../packages/neuron/src/devices/gpu-sources.ts';
import { SimulatedGpus } from '../../packages/neuron/test/simulated-gpus.ts';
import { TestNeuron } from '../../packages/neuron/test/test-neuron.ts';

const CARD_MIB = 10_000;
const AWAKE_MIB = 7000;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** A card whose memory is what the processes say in `folder`, in the words of nvidia-smi. */
function cardOf(folder: string): GpuSources {
  const held = () =>
    readdirSync(folder)
      .map((pid) => [Number(pid), Number(readFileSync(join(folder, pid), 'utf8'))] as const)
      .filter(([pid]) => isAlive(pid));
  const card = (): string => {
    const usedMib = held().reduce((sum, [, mib]) => sum + mib, 0);
    return `0, GPU-a, ${CARD_MIB}, ${usedMib}, ${CARD_MIB - usedMib}, 0, 40, 20, 550.90.07, 8.9, Card\n`;
  };
  const processes = (): string =>
    held()
      .map((one) => `${one.join(', ')}\n`)
      .join('');
  return {
    runNvidiaSmi: async ([query = '']) => ({
      code: 0,
      stdout: query.startsWith('--query-compute-apps') ? processes() : card(),
      stderr: '',
    }),
    readKernelModule: async () => '',
    listPciVendors: async () => ['nvidia'],
  };
}

/** Two models of 7000 MiB on that card, each of which keeps `asleepMib` while it sleeps. */
async function twoModels(asleepMib: number) {
  const folder = temporaryFolder('fake-gpu');
  const command = [process.execPath, FAKE_LLAMA_SERVER, '--port', '${port}', '-c'];
  // The engine of the node opens the card, but has no model on it.
  const { startEngine, startProbe } = new SimulatedGpus([CARD_MIB], {});
  const neuron = await TestNeuron.start({
    flags: {
      harnesses: [
        {
          name: 'vllm',
          kind: 'vllm',
          mode: 'per_model',
          command: [...command, '${context_total}', '-np', '${slots}', '--enable-sleep-mode'],
          env: { FAKE_GPU_DIR: folder, FAKE_GPU_MIB: `${AWAKE_MIB},${asleepMib}` },
        },
      ],
    },
    parts: { startEngine, startProbe, gpuSources: cardOf(folder) },
  });
  const model = (id: string): string =>
    `[[models]]\nid = "${id}"\nharness = "vllm"\nvram_mb = ${AWAKE_MIB}\ncontext_length = 4096\nslots = 1\n`;
  const gateway = await GatewayUnderTest.start({
    neurons: { node: neuron },
    toml: '[control]\npoll_interval_s = 0.1\n[eviction]\nmin_residency_s = 0.1\n[queue]\nhold_s = 0\n',
    modelsToml: model('org/a') + model('org/b'),
  });
  const ask = async (id: string): Promise<number> => {
    const message = { role: 'user', content: 'hello' };
    const answer = await gateway.chat({ model: id, messages: [message], max_tokens: 2 });
    await answer.text();
    return answer.status;
  };
  /** States of both models, and the processes that run. */
  const stateOf = async () => {
    const models = NodeModels.parse(await (await neuron.get('/models')).json());
    // A server of one model has nothing to list before its first load, nor for long after an unload.
    const statusOf = (wanted: string) => {
      const status = models.find(({ id }) => id === wanted)?.status;
      return status === undefined || status === 'unloaded' ? 'absent' : status;
    };
    const processes = readdirSync(folder).filter((pid) => isAlive(Number(pid)));
    return [statusOf('org/a'), statusOf('org/b'), processes.length];
  };
  return {
    ask,
    stateOf,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      await neuron[Symbol.asyncDispose]();
    },
  };
}

test('two models that fit only alternately take turns by sleeping, and keep their processes', async () => {
  await using node = await twoModels(500);

  const seen = [];
  for (const id of ['org/a', 'org/b', 'org/a'])
    seen.push([await node.ask(id), await node.stateOf()]);

  expect(seen).toEqual([
    [200, ['loaded', 'absent', 1]],
    [200, ['sleeping', 'loaded', 2]],
    [200, ['loaded', 'sleeping', 2]],
  ]);
});

test('a model that keeps too much asleep is unloaded after all', async () => {
  await using node = await twoModels(4000);

  const seen = [];
  for (const id of ['org/a', 'org/b', 'org/a'])
    seen.push([await node.ask(id), await node.stateOf()]);

  expect(seen).toEqual([
    [200, ['loaded', 'absent', 1]],
    [200, ['absent', 'loaded', 1]],
    [200, ['loaded', 'absent', 1]],
  ]);
});

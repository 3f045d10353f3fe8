import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type CloseOptions, type EngineLoadSpec, inProcessEngine } from '@cortex/engine';
import { createScriptedEngine } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import { z } from 'zod';

import type { StartEngine } from '../src/engines/start-engine.ts';
import { TestNeuron } from './test-neuron.ts';

/** Engines that leave a file where they are told to leave their slots, and what each was told. */
function savingEngines() {
  const loads: EngineLoadSpec[] = [];
  const closes: CloseOptions[] = [];
  const start: StartEngine = async () => {
    const engine = createScriptedEngine({ capabilities: ['chat', 'completions', 'state'] });
    const load = engine.load.bind(engine);
    const close = engine.close.bind(engine);
    engine.load = (spec, ...rest) => {
      loads.push(spec);
      return load(spec, ...rest);
    };
    engine.close = (graceMs, options = {}) => {
      closes.push(options);
      if (options.saveDir !== undefined) {
        mkdirSync(options.saveDir, { recursive: true });
        writeFileSync(join(options.saveDir, 'slot-0'), 'cells');
      }
      return close(graceMs);
    };
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };
  return { loads, closes, start };
}

const unload = (neuron: TestNeuron) => neuron.post('/models/unload', { model_id: 'tiny' });

describe('slots of an unloaded model', () => {
  test('are saved by the unload and restored by the next load', async () => {
    const { loads, closes, start } = savingEngines();
    await using neuron = await TestNeuron.start({
      flags: { 'engine.state_disk_mb': 100 },
      parts: { startEngine: start },
    });
    await neuron.load();
    await unload(neuron);

    await neuron.load();

    expect(closes[0]).toMatchObject({ saveMaxMib: 100 });
    expect(closes[0]?.saveDir).toStartWith(join(neuron.root, 'state', 'slots'));
    expect(loads.map(({ restoreDir }) => restoreDir)).toEqual([undefined, closes[0]?.saveDir]);
  });

  test('are not saved with state_disk_mb = 0', async () => {
    const { closes, start } = savingEngines();
    await using neuron = await TestNeuron.start({
      flags: { 'engine.state_disk_mb': 0 },
      parts: { startEngine: start },
    });
    await neuron.load();

    await unload(neuron);

    expect(closes).toEqual([{}]);
    expect(existsSync(join(neuron.root, 'state', 'slots'))).toBe(false);
  });

  test('are not restored by an engine that replaces one that died, because they may be the cause', async () => {
    const { loads, start } = savingEngines();
    let die = (): void => undefined;
    await using neuron = await TestNeuron.start({
      flags: { 'engine.state_disk_mb': 100 },
      parts: {
        startEngine: async (options) => {
          const started = await start(options);
          die = () => void started.connection.close(0);
          return started;
        },
        respawnPauseMs: () => 0,
      },
    });
    await neuron.load();
    await unload(neuron);
    await neuron.load();
    const { generation } = await neuron.model();

    die();
    while ((await neuron.model()).generation === generation) await Bun.sleep(5);

    expect(loads.map(({ restoreDir }) => restoreDir !== undefined)).toEqual([false, true, false]);
  });
});

const Usage = z.looseObject({
  usage: z.looseObject({
    prompt_tokens: z.int(),
    prompt_tokens_details: z.looseObject({ cached_tokens: z.int() }).optional(),
  }),
});

const keepingSlots = () => TestNeuron.start({ flags: { 'engine.state_disk_mb': 500 } });
const slotsOf = ({ root }: TestNeuron): string => join(root, 'state', 'slots');

/** A conversation that is long enough to be saved, and its tokens. */
async function ask(neuron: TestNeuron) {
  const messages = [{ role: 'user', content: `What is cortex? ${'It is a fleet. '.repeat(60)}` }];
  const answer = await neuron.chat({ messages, max_tokens: 2, temperature: 0 });
  const { usage } = Usage.parse(await answer.json());
  return { tokens: usage.prompt_tokens, cached: usage.prompt_tokens_details?.cached_tokens ?? 0 };
}

test('a long conversation keeps its prefix when its model is unloaded and loaded again', async () => {
  await using neuron = await keepingSlots();
  await neuron.load({ slots: 1 });
  const first = await ask(neuron);
  await unload(neuron);
  const saved = readdirSync(slotsOf(neuron));

  await neuron.load({ slots: 1 });

  const second = await ask(neuron);
  expect(saved).toHaveLength(2);
  expect(first.cached).toBe(0);
  expect(second.cached).toBeGreaterThan(first.tokens * 0.9);
}, 30_000);

test('saved slots are readable only by the user of the daemon, because they hold what was said', async () => {
  await using neuron = await keepingSlots();
  await neuron.load({ slots: 1 });
  await ask(neuron);

  await unload(neuron);

  const paths = readdirSync(slotsOf(neuron), { recursive: true, withFileTypes: true });
  const modes = paths.map((entry) => {
    const mode = statSync(join(entry.parentPath, entry.name)).mode & 0o777;
    return `${entry.isDirectory() ? 'folder' : 'file'} ${mode.toString(8)}`;
  });
  expect(modes).toHaveLength(4);
  expect([...new Set(modes)].sort()).toEqual(['file 600', 'folder 700']);
}, 30_000);

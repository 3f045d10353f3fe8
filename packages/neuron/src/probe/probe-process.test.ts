import { type EngineConnection, type EngineLoadSpec, inProcessEngine } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import { createGate, createScriptedEngine, FakeClock } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { type DeviceEnv, NO_GPU_ENV } from '../devices/device.ts';
import type { StartEngine } from '../engines/start-engine.ts';
import { type ProbeNeed, ProbeProcess } from './probe-process.ts';

const THIS_FILE = fileURLToPath(import.meta.url);
const CPU: ProbeNeed = { env: NO_GPU_ENV, opensGpu: false };
const GPU: ProbeNeed = { env: { CUDA_VISIBLE_DEVICES: 'GPU-a' }, opensGpu: true };

const spec = (modelId: string): EngineLoadSpec => ({
  modelId,
  modelPath: THIS_FILE,
  backend: 'cpu',
  contextLength: 'auto',
  slots: 'auto',
  gpuLayers: 0,
  kvType: 'f16',
  threads: 1,
  prefillChunkTokens: 512,
  isBatchInvariant: false,
  promptCacheMib: 0,
  params: {},
  vocabOnly: false,
  lora: [],
});

const vocabularyOf = (modelId: string): ProbeNeed => ({
  ...CPU,
  vocabulary: { spec: spec(modelId), fingerprint: modelId },
});

/** A probe on scripted engines, its clock, and what became of its processes. */
function createProbe(
  change: (engine: ReturnType<typeof createScriptedEngine>) => void = () => {},
  cpuMs?: () => number,
) {
  const clock = new FakeClock();
  const started: { connection: EngineConnection; env: DeviceEnv; isKilled: boolean }[] = [];
  const start: StartEngine = async ({ env = {} }) => {
    const engine = createScriptedEngine();
    change(engine);
    const connection = await inProcessEngine(engine);
    const process = { connection, env, isKilled: false };
    started.push(process);
    return {
      connection,
      cpuMs,
      kill: () => {
        process.isKilled = true;
        void connection.close(0);
      },
    };
  };
  const probe = new ProbeProcess({
    start,
    every: (everyMs, run) => clock.every(everyMs, run),
    clock: { nowMs: () => clock.nowMs(), elapsedMs: (sinceMs) => clock.nowMs() - sinceMs },
    onLog: () => undefined,
  });
  return { probe, clock, started };
}

const version = async (engine: EngineConnection): Promise<string> => engine.version;
const never = (): Promise<never> => new Promise(() => undefined);

describe('ProbeProcess', () => {
  test('starts with the first question and answers the following ones with the same process', async () => {
    const { probe, started } = createProbe();

    expect(probe.isRunning).toBe(false);
    const answers = [
      await probe.ask(CPU, { ms: 1000 }, version),
      await probe.ask(CPU, { ms: 1000 }, version),
    ];

    expect(answers.map(({ kind }) => kind)).toEqual(['answered', 'answered']);
    expect(started).toHaveLength(1);
  });

  test('answers one question at a time', async () => {
    const { probe } = createProbe();
    const gate = createGate();
    const order: string[] = [];

    const first = probe.ask(CPU, { ms: 1000 }, async () => {
      await gate.opened;
      order.push('first');
    });
    const second = probe.ask(CPU, { ms: 1000 }, async () => void order.push('second'));
    gate.open();
    await Promise.all([first, second]);

    expect(order).toEqual(['first', 'second']);
  });

  test('ends after a minute without a question, and not earlier', async () => {
    const { probe, clock, started } = createProbe();
    await probe.ask(CPU, { ms: 1000 }, version);

    clock.advance(59_000);
    expect(probe.isRunning).toBe(true);
    clock.advance(2000);
    await started[0]?.connection.ended;

    expect(probe.isRunning).toBe(false);
    expect((await probe.ask(CPU, { ms: 1000 }, version)).kind).toBe('answered');
    expect(started).toHaveLength(2);
  });

  test('has closed when its process has ended', async () => {
    const gate = createGate();
    const { probe } = createProbe((engine) => {
      engine.close = () => gate.opened;
    });
    await probe.ask(CPU, { ms: 1000 }, version);
    let hasClosed = false;

    const closed = probe.close().then(() => (hasClosed = true));

    await Bun.sleep(20);
    expect(hasClosed).toBe(false);
    gate.open();
    await closed;
  });

  test('has no timer once it has ended', async () => {
    const { probe, clock } = createProbe();
    await probe.ask(CPU, { ms: 1000 }, version);

    await probe.close();

    expect(clock.pendingTimers).toBe(0);
  });

  test('is killed when it hangs, and the next question starts a new process', async () => {
    const { probe, clock, started } = createProbe();
    const asked = Promise.withResolvers<void>();
    const hanging = probe.ask(CPU, { ms: 5000 }, () => {
      asked.resolve();
      return never();
    });
    await asked.promise;

    clock.advance(5250);

    expect(await hanging).toEqual({ kind: 'late' });
    expect(started[0]?.isKilled).toBe(true);
    expect((await probe.ask(CPU, { ms: 1000 }, version)).kind).toBe('answered');
    expect(started).toHaveLength(2);
  });

  test('does not report an endless template when the machine left it no CPU time', async () => {
    let cpuMs = 0;
    const { probe, clock } = createProbe(undefined, () => cpuMs);
    const asked = Promise.withResolvers<void>();
    const limit = { ms: 120_000, workMs: 5000 };
    const slow = probe.ask(CPU, limit, () => {
      asked.resolve();
      return never();
    });
    await asked.promise;

    clock.advance(119_000);
    cpuMs = 4900;
    clock.advance(2000);

    expect(await slow).toEqual({ kind: 'late' });
  });

  test('reports an endless template once it has used more CPU time than any answer needs', async () => {
    let cpuMs = 700;
    const { probe, clock } = createProbe(undefined, () => cpuMs);
    const asked = Promise.withResolvers<void>();
    const endless = probe.ask(CPU, { ms: 120_000, workMs: 5000 }, () => {
      asked.resolve();
      return never();
    });
    await asked.promise;

    cpuMs += 5000;
    clock.advance(250);

    expect(await endless).toEqual({ kind: 'endless' });
  });

  test('reports its end when it dies during a question', async () => {
    const { probe, started } = createProbe((engine) => {
      engine.count = never;
    });
    const dying = probe.ask(CPU, { ms: 1000 }, (engine) => {
      const answer = engine.count({});
      void started[0]?.connection.close(0);
      return answer;
    });

    expect((await dying).kind).toBe('ended');
  });

  test('keeps the vocabulary of a model, and restarts for that of another', async () => {
    const { probe, started } = createProbe();

    await probe.ask(vocabularyOf('a'), { ms: 1000 }, version);
    await probe.ask(CPU, { ms: 1000 }, version);
    await probe.ask(vocabularyOf('a'), { ms: 1000 }, version);
    expect(started).toHaveLength(1);
    await probe.ask(vocabularyOf('b'), { ms: 1000 }, version);

    expect(started).toHaveLength(2);
  });

  test('ends after its last question when it sees a GPU, to free the memory of its driver context', async () => {
    const { probe, started } = createProbe();
    await probe.ask(CPU, { ms: 1000 }, version);

    await Promise.all([
      probe.ask(GPU, { ms: 1000 }, version),
      probe.ask(GPU, { ms: 1000 }, version),
    ]);
    await started[1]?.connection.ended;

    expect(started.map(({ env }) => env)).toEqual([CPU.env, GPU.env]);
    expect(probe.isRunning).toBe(false);
  });

  test('reports why a vocabulary cannot be read, and answers other questions', async () => {
    let loads = 0;
    const { probe } = createProbe((engine) => {
      const load = engine.load.bind(engine);
      engine.load = (...args) => {
        loads += 1;
        if (loads > 1) return load(...args);
        return Promise.reject(new CortexError('model_load_failed', 'bad magic'));
      };
    });

    const failed = probe.ask(vocabularyOf('a'), { ms: 1000 }, version);
    expect(await failed.catch((error: unknown) => error)).toMatchObject({ message: 'bad magic' });

    expect((await probe.ask(vocabularyOf('b'), { ms: 1000 }, version)).kind).toBe('answered');
  });

  test('is killed when it hangs after it has read a vocabulary', async () => {
    const read = Promise.withResolvers<void>();
    const { probe, clock, started } = createProbe((engine) => {
      engine.load = (_spec, onProgress) => {
        onProgress({ phase: 'ready', ratio: 1 });
        read.resolve();
        return never();
      };
    });
    const hanging = probe.ask(vocabularyOf('a'), { ms: 5000 }, version);
    await read.promise;
    // The word that it was read travels through the channel.
    await new Promise((resolve) => setImmediate(resolve));

    clock.advance(5250);

    expect(await hanging).toEqual({ kind: 'late' });
    expect(started[0]?.isKilled).toBe(true);
  });

  test('refuses waiting questions when the daemon shuts down', async () => {
    const { probe } = createProbe();
    const asked = Promise.withResolvers<void>();
    const running = probe.ask(CPU, { ms: 5000 }, () => {
      asked.resolve();
      return never();
    });
    const waiting = probe.ask(CPU, { ms: 5000 }, version);
    await asked.promise;

    const closed = probe.close();

    const outcomes = await Promise.allSettled([running, waiting]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await closed;
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { EngineDevice, EngineLoadSpec } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { DeviceQuestion } from '../../devices/ask-engine.ts';
import type { StartEngine } from '../../engines/start-engine.ts';

/** A GGUF string: length and bytes. */
function toText(text: string): Buffer {
  const length = Buffer.alloc(8);
  length.writeUInt32LE(text.length);
  return Buffer.concat([length, Buffer.from(text)]);
}

/** A GGUF of version 3 with an architecture (a value of type 8, a string) and no tensors. */
const EMPTY_GGUF = Buffer.concat([
  Buffer.from('GGUF\x03\0\0\0'),
  Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
  toText('general.architecture'),
  Buffer.from([8, 0, 0, 0]),
  toText('llama'),
]);

const loadOn = (backend: EngineLoadSpec['backend'], modelPath: string): EngineLoadSpec => ({
  modelId: 'device probe',
  modelPath,
  backend,
  contextLength: 'auto',
  slots: 'auto',
  gpuLayers: 'auto',
  kvType: 'f16',
  threads: 1,
  prefillChunkTokens: 512,
  isBatchInvariant: false,
  promptCacheMib: 0,
  params: {},
  vocabOnly: false,
  lora: [],
});

/** The message names the temporary file; without it the message describes the device. */
function withoutPath(error: unknown, path: string): unknown {
  if (!(error instanceof CortexError)) return error;
  const message = error.message.replace(`Cannot load ${path}: `, '');
  return new CortexError(error.code, message, { ...error.details, cause: error });
}

/**
 * Asks a temporary engine which GPUs it can use.
 *
 * An engine opens a kind of device when it is asked about its first file. Here that is an empty file, whose own
 * error says nothing about the device.
 *
 * @param signal - Kills the engine when it aborts. @throws CortexError `model_load_failed` naming the library that
 * the engine lacks; the reason of `signal`
 */
export async function probeDevices(
  start: StartEngine,
  { backend, env }: DeviceQuestion,
  signal: AbortSignal,
): Promise<readonly EngineDevice[]> {
  const folder = await mkdtemp(join(tmpdir(), 'neuron-devices-'));
  try {
    const path = join(folder, 'empty.gguf');
    await writeFile(path, EMPTY_GGUF);
    const started = await start({
      modelId: 'device probe',
      env,
      onLog: () => undefined,
      signal,
    });
    const { connection } = started;
    const kill = (): void => started.kill();
    signal.addEventListener('abort', kill, { once: true });
    try {
      signal.throwIfAborted();
      await connection.estimate(loadOn(backend, path), {}).catch(() => undefined);
      return await connection.devices();
    } catch (error) {
      throw withoutPath(error, path);
    } finally {
      signal.removeEventListener('abort', kill);
      if (!signal.aborted) await connection.close(0);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

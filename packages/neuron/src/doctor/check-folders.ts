/** Checks of the folders and of the space in them. */
import { access, constants, mkdir, statfs } from 'node:fs/promises';

import { systemReason } from '@cortex/service';

import type { NeuronConfig } from '../config.ts';
import { scanFolder } from '../store/scan-folder.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

const MIB = 1 << 20;
const SHARED_MEMORY = '/dev/shm';

async function freeMib(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return Math.floor((bavail * bsize) / MIB);
}

/** A folder that the daemon writes to. @param leastMib - Free space below which it needs attention. */
async function checkWritable(key: string, path: string, leastMib: number): Promise<Finding> {
  try {
    await mkdir(path, { recursive: true });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const free = await freeMib(path);
    const text = `${path} has ${free} MiB of free space`;
    return free < leastMib
      ? wrong(
          key,
          `${text}, less than min_free_disk_mb = ${leastMib}`,
          'delete models that are no longer used, or set it to a larger disk',
        )
      : ok(key, text);
  } catch (error) {
    return wrong(
      key,
      `${path} cannot be used: ${systemReason(error)}`,
      `sudo install -d -o "$USER" ${path}, or set ${key} to a folder that this user may write`,
    );
  }
}

/** A folder with models that the daemon only reads. */
async function checkReadable(path: string): Promise<Finding> {
  try {
    await access(path, constants.R_OK | constants.X_OK);
    return ok('models_dirs', `${path} can be read`);
  } catch (error) {
    return wrong('models_dirs', `${path} cannot be read: ${systemReason(error)}`);
  }
}

async function checkModels({ models_dir: own, models_dirs: more }: NeuronConfig): Promise<Finding> {
  const found = (await Promise.all([own, ...more].map(scanFolder))).flat();
  const whole = found.filter(({ isPartial }) => !isPartial);
  if (whole.length > 0) return ok('models', `${whole.length} GGUF files`);
  return note('models', 'there is no GGUF file yet', `put one into ${own}`);
}

/** The memory in which a model keeps the conversations that lost their slot. */
async function checkSharedMemory({ engine }: NeuronConfig): Promise<Finding | undefined> {
  const wanted = engine.prompt_cache_mb;
  if (wanted === 0) return undefined;
  try {
    const free = await freeMib(SHARED_MEMORY);
    const text = `${SHARED_MEMORY} has ${free} MiB of free space for the prompt cache`;
    if (free >= wanted) return ok('prompt cache', text);
    return note(
      'prompt cache',
      `${text}, less than engine.prompt_cache_mb = ${wanted}`,
      `enlarge it ("sudo mount -o remount,size=${wanted}m ${SHARED_MEMORY}", for a container --shm-size ${wanted}m), or lower the key`,
    );
  } catch {
    // The system has no such folder. The engine then keeps its cache elsewhere.
    return undefined;
  }
}

/** Every folder of the configuration. Creates those that the daemon would create. */
export async function checkFolders(config: NeuronConfig): Promise<readonly Finding[]> {
  const { models_dir: modelsDir, state_dir: stateDir, models_dirs: more } = config;
  const least = config.min_free_disk_mb;
  const findings = await Promise.all([
    checkWritable('models_dir', modelsDir, least),
    checkWritable('state_dir', stateDir, least),
    ...more.map(checkReadable),
    checkModels(config),
    checkSharedMemory(config),
  ]);
  return findings.filter((finding) => finding !== undefined);
}

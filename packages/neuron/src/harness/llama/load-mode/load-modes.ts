/** How weights are read (`[engine] load_mode`): `auto` measures once per machine which way is the quickest. */
import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';

import type { EngineLoadSpec } from '@cortex/engine';
import type { Logger } from '@cortex/service';

import type { StateWriter } from '../../../state-writer.ts';
import type { MeasureReads } from './measure-reads.ts';
import { ReadSpeeds } from './read-speeds.ts';

export type LoadMode = NonNullable<EngineLoadSpec['loadMode']>;

/** The size of a model on disk; the parts of a split one are about equal. */
export async function weightBytes(path: string): Promise<number> {
  const parts = Number(/-of-(\d{5})\.gguf$/i.exec(path)?.[1] ?? 1);
  return (await stat(path)).size * parts;
}

/** A smaller file loads in a second or so anyway, and a sample of it would say little. */
const MIN_FILE_BYTES = 512 * 2 ** 20;
/** Another way has to be quicker than the usual one by this factor, because samples vary. */
const MIN_GAIN = 1.2;
/** Above this, buffered reads come from the page cache and say nothing about the disk. */
const CACHED_MIB_PER_S = 6000;

export interface LoadModesOptions {
  readonly setting: LoadMode | 'auto';
  /** File for the result of the measurement. */
  readonly memoryPath: string;
  readonly writer: StateWriter;
  readonly ramBytes: number;
  readonly measure: MeasureReads;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Default: 512 MiB. */
  readonly minFileBytes?: number | undefined;
}

export interface WeightFile {
  readonly path: string;
  /** All parts together. */
  readonly sizeBytes: number;
  readonly backend: 'cpu' | 'gpu';
}

function readMemory(path: string): ReadSpeeds | undefined {
  try {
    return ReadSpeeds.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Nothing was measured yet.
    return undefined;
  }
}

export class LoadModes {
  readonly #options: LoadModesOptions;
  #speeds: ReadSpeeds | undefined;
  #measuring: Promise<ReadSpeeds | undefined> | undefined;

  constructor(options: LoadModesOptions) {
    this.#options = options;
    if (options.setting === 'auto') this.#speeds = readMemory(options.memoryPath);
  }

  /** The way for a load of this file. Measures it first if nothing is known yet. Never rejects. */
  async modeFor(file: WeightFile): Promise<LoadMode> {
    const { setting, minFileBytes = MIN_FILE_BYTES } = this.#options;
    if (setting !== 'auto') return setting;
    if (this.#speeds === undefined && file.sizeBytes >= minFileBytes) {
      this.#measuring ??= this.#measure(file.path).finally(() => {
        this.#measuring = undefined;
      });
      this.#speeds = await this.#measuring;
    }
    return quickest(this.#candidates(file), this.#speeds ?? {});
  }

  /** The usual way first. */
  #candidates({ backend, sizeBytes }: WeightFile): readonly [LoadMode, ...LoadMode[]] {
    // The CPU kernels work on a copy, so that a mapped file would only take memory in addition.
    const mayMap = backend !== 'cpu' && sizeBytes <= this.#options.ramBytes;
    return mayMap ? ['mmap', 'read', 'direct'] : ['read', 'direct'];
  }

  async #measure(path: string): Promise<ReadSpeeds | undefined> {
    const { measure, writer, memoryPath, log } = this.#options;
    try {
      const speeds = await measure(path);
      const { read = 0 } = speeds;
      if (read > CACHED_MIB_PER_S) return undefined;
      writer.write(memoryPath, JSON.stringify(speeds));
      log.info({ path, mibPerS: speeds }, 'measured how weights are read quickest');
      return speeds;
    } catch (error) {
      log.warn({ err: error, path }, 'the ways to read weights could not be measured');
      return undefined;
    }
  }
}

function quickest([usual, ...others]: readonly [LoadMode, ...LoadMode[]], speeds: ReadSpeeds) {
  const usualSpeed = speeds[usual];
  if (usualSpeed === undefined) return usual;
  const [best] = others
    .filter((mode) => (speeds[mode] ?? 0) >= usualSpeed * MIN_GAIN)
    .sort((a, b) => (speeds[b] ?? 0) - (speeds[a] ?? 0));
  return best ?? usual;
}

/** What loads on this node have shown about their memory (behaviour 30). */
import { readFileSync } from 'node:fs';

import { z } from 'zod';

import type { DeviceKind } from '../devices/device.ts';
import type { LoadSettings } from '../harness/load-settings.ts';
import type { StateWriter } from '../state-writer.ts';

/** The least that is added after a load ran out of memory, MiB. */
const LEAST_STEP_MIB = 512;
/** The part of the estimate that is added at least. */
const STEP_RATIO = 0.1;
/** Newest entries that are kept. */
const MAX_ENTRIES = 256;

const Surpluses = z.record(z.string(), z.number().min(0));

/** What the memory of a load depends on, besides the sizes that an estimate knows. */
export interface LearnedKey {
  /** As `ModelFile.fingerprint`. */
  readonly fingerprint: string;
  readonly settings: Pick<LoadSettings, 'harness' | 'kvType' | 'draft' | 'lora' | 'mmproj'>;
  readonly backend: DeviceKind;
}

const textOf = ({ fingerprint, settings, backend }: LearnedKey): string => {
  const { harness, kvType, draft, lora, mmproj } = settings;
  return JSON.stringify([fingerprint, backend, harness, kvType, draft, lora, mmproj]);
};

/** Memory that a model needs beyond its estimate, by file, settings and kind of device. Survives a restart. */
export class LearnedNeeds {
  readonly #path: string;
  readonly #writer: StateWriter;
  readonly #surplusMib: Map<string, number>;

  /** @param path - The file that keeps them. */
  constructor(path: string, writer: StateWriter) {
    this.#path = path;
    this.#writer = writer;
    this.#surplusMib = new Map(Object.entries(readSurpluses(path)));
  }

  /** MiB to add to the estimate; 0 if nothing is known. */
  surplusMib(key: LearnedKey): number {
    return this.#surplusMib.get(textOf(key)) ?? 0;
  }

  /** A load that was planned with `plannedMib` ran out of memory, so the next plan needs more. */
  ranOut(key: LearnedKey, plannedMib: number): void {
    const stepMib = Math.ceil(Math.max(LEAST_STEP_MIB, plannedMib * STEP_RATIO));
    this.#keep(key, this.surplusMib(key) + stepMib);
  }

  /** A load that was planned with `plannedMib` holds `heldMib`. */
  measured(
    key: LearnedKey,
    { plannedMib, heldMib }: { plannedMib: number; heldMib: number },
  ): void {
    const missingMib = Math.ceil(heldMib - plannedMib);
    if (missingMib > 0) this.#keep(key, this.surplusMib(key) + missingMib);
  }

  #keep(key: LearnedKey, mib: number): void {
    const text = textOf(key);
    this.#surplusMib.delete(text);
    this.#surplusMib.set(text, mib);
    for (const oldest of [...this.#surplusMib.keys()].slice(0, -MAX_ENTRIES)) {
      this.#surplusMib.delete(oldest);
    }
    const entries = Object.fromEntries(this.#surplusMib);
    this.#writer.write(this.#path, `${JSON.stringify(entries)}\n`);
  }
}

function readSurpluses(path: string): Readonly<Record<string, number>> {
  try {
    return Surpluses.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Absent, or cut by a crash: a load that runs out of memory shows it again.
    return {};
  }
}

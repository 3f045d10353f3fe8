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
/**
 * The most that failures add, as a part of the estimate, and at least two steps. No estimate is that wrong: a load that
 * still runs out of memory fails for another reason, such as a driver that refuses every allocation.
 */
const MOST_RATIO = 0.5;
/** Newest entries that are kept. */
const MAX_ENTRIES = 256;
/** Time after which a need is forgotten: another program may have taken the memory, or an update changed the need. */
const VALID_MS = 7 * 24 * 3600 * 1000;

const Learned = z.object({ mib: z.number().min(0), learnedAtMs: z.number() });
type Learned = z.infer<typeof Learned>;

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

/**
 * Memory that a model needs beyond its estimate, by file, settings and kind of device. Survives a restart, and is
 * forgotten a week after the last load that showed it.
 */
export class LearnedNeeds {
  readonly #path: string;
  readonly #writer: StateWriter;
  readonly #wallMs: () => number;
  #learned: Map<string, Learned>;

  /**
   * @param path - The file that keeps them.
   * @param wallMs - Milliseconds since 1970.
   */
  constructor(path: string, writer: StateWriter, wallMs: () => number = Date.now) {
    this.#path = path;
    this.#writer = writer;
    this.#wallMs = wallMs;
    this.#learned = new Map(Object.entries(readLearned(path)));
  }

  /** MiB to add to the estimate; 0 if nothing is known. */
  surplusMib(key: LearnedKey): number {
    const learned = this.#learned.get(textOf(key));
    return learned && this.#isValid(learned) ? learned.mib : 0;
  }

  /** A load that was planned with `plannedMib` ran out of memory, so the next plan needs more. */
  ranOut(key: LearnedKey, plannedMib: number): void {
    const surplusMib = this.surplusMib(key);
    const estimateMib = Math.max(0, plannedMib - surplusMib);
    const stepMib = Math.max(LEAST_STEP_MIB, plannedMib * STEP_RATIO);
    const mostMib = Math.max(2 * LEAST_STEP_MIB, estimateMib * MOST_RATIO);
    // A measured need may be larger.
    this.#keep(key, Math.ceil(Math.max(surplusMib, Math.min(mostMib, surplusMib + stepMib))));
  }

  /** A load that was planned with `plannedMib` holds `heldMib`. */
  measured(
    key: LearnedKey,
    { plannedMib, heldMib }: { plannedMib: number; heldMib: number },
  ): void {
    const missingMib = Math.ceil(heldMib - plannedMib);
    if (missingMib > 0) this.#keep(key, this.surplusMib(key) + missingMib);
  }

  /** An entry of the future was learned before the clock was set back. */
  #isValid({ learnedAtMs }: Learned): boolean {
    return Math.abs(this.#wallMs() - learnedAtMs) < VALID_MS;
  }

  #keep(key: LearnedKey, mib: number): void {
    const text = textOf(key);
    this.#learned.delete(text);
    this.#learned.set(text, { mib, learnedAtMs: this.#wallMs() });
    const valid = [...this.#learned].filter(([, learned]) => this.#isValid(learned));
    this.#learned = new Map(valid.slice(-MAX_ENTRIES));
    const entries = Object.fromEntries(this.#learned);
    this.#writer.write(this.#path, `${JSON.stringify(entries)}\n`);
  }
}

function readLearned(path: string): Readonly<Record<string, Learned>> {
  try {
    return z.record(z.string(), Learned).parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // Absent, or cut by a crash: a load that runs out of memory shows it again.
    return {};
  }
}

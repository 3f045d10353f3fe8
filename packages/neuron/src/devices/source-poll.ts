import type { Logger } from '@cortex/service';

import type { Device } from './device.ts';
import type { DeviceSource, SourceReading } from './device-source.ts';
import type { DeviceTable } from './device-table.ts';

/** Failed reads in a row after which the last good one no longer counts. */
const MAX_FAILURES = 3;
const FIRST_PAUSE_MS = 5000;
const MAX_PAUSE_MS = 300_000;
/** A read that takes longer counts as failed, although it may still end. Every tool has a limit below it. */
const HANG_MS = 15_000;

export interface SourcePollOptions {
  readonly source: DeviceSource;
  readonly table: DeviceTable;
  readonly log: Logger;
  /** Monotonic. */
  readonly nowMs: () => number;
}

/**
 * Reads one source in the background. After a failure it waits 5 s, then twice as long each time, up to 5 min; the
 * last good reading counts until the third failure in a row. A source that hangs delays no other.
 */
export class SourcePoll {
  readonly source: DeviceSource;
  readonly #options: SourcePollOptions;
  #reading: SourceReading = { devices: [] };
  #devices: readonly Device[] = [];
  #failures = 0;
  #dueMs = 0;
  #underWay: { readonly sinceMs: number; readonly end: Promise<void> } | undefined;

  constructor(options: SourcePollOptions) {
    this.source = options.source;
    this.#options = options;
  }

  /** The last reading that counts. */
  get reading(): SourceReading {
    return this.#reading;
  }

  /** The devices of the last reading, whether or not an engine can open them. */
  get devices(): readonly Device[] {
    return this.#devices;
  }

  get isFailing(): boolean {
    const sinceMs = this.#underWay?.sinceMs ?? Infinity;
    return this.#failures > 0 || this.#options.nowMs() - sinceMs > HANG_MS;
  }

  /** Starts a read if one is due. Waits for nothing. */
  pollIfDue(): void {
    if (this.#options.nowMs() >= this.#dueMs) void this.read();
  }

  /** Reads, or joins the read under way. Never rejects. */
  read(): Promise<void> {
    const sinceMs = this.#options.nowMs();
    this.#underWay ??= {
      sinceMs,
      end: this.#read(sinceMs).finally(() => {
        this.#underWay = undefined;
      }),
    };
    return this.#underWay.end;
  }

  /** Reads. The result includes everything that was allocated or freed before the call. */
  async readAfresh(): Promise<void> {
    await this.#underWay?.end;
    await this.read();
  }

  async #read(sinceMs: number): Promise<void> {
    try {
      this.#take(await this.source.read(), sinceMs);
    } catch (error) {
      this.#failures += 1;
      this.#options.log.error(
        { err: error, source: this.source.name },
        'the GPUs of this machine could not be queried',
      );
    }
    const doublings = Math.min(16, Math.max(0, this.#failures - 1));
    const pauseMs = this.#failures === 0 ? 0 : FIRST_PAUSE_MS * 2 ** doublings;
    this.#dueMs = this.#options.nowMs() + Math.min(MAX_PAUSE_MS, pauseMs);
  }

  /** One failed read does not mean that a GPU is gone. */
  #take(reading: SourceReading, sinceMs: number): void {
    this.#failures = reading.isFailure ? this.#failures + 1 : 0;
    const isSlip = this.#failures > 0 && this.#failures < MAX_FAILURES;
    if (isSlip && this.#devices.length > 0) return;
    this.#reading = reading;
    this.#devices = this.#options.table.add(reading.devices, sinceMs);
  }
}

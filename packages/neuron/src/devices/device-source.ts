/** A way to find the devices of this machine: a tool, sysfs, or an engine. */
import type { Device } from './device.ts';

/** A device before the monitor has numbered it. */
export type FoundDevice = Omit<Device, 'readAtMs'>;

/** One answer of a source. */
export interface SourceReading {
  /** `index` is the number that the source prefers. */
  readonly devices: readonly FoundDevice[];
  /** Why a GPU of this machine cannot be used, with the remedy; absent if all can be used or there is none. */
  readonly unavailableReason?: string | undefined;
  /** The driver is there but gave no valid answer. Its earlier answer may still be valid. */
  readonly isFailure?: true | undefined;
  /** The newest CUDA that the driver supports. */
  readonly cudaVersion?: string | undefined;
}

/** Whether an engine can open the devices that a source finds. */
export interface DeviceCheck {
  readonly isUsable: boolean;
  /** Why an engine cannot use them; undefined if it can, or before the first attempt. */
  readonly reason: string | undefined;
  /** Starts an attempt if one is due. Waits for nothing. */
  askIfDue(): void;
  /** Resolves when an attempt has ended. */
  ask(): Promise<void>;
}

export interface DeviceSource {
  /** For logs. */
  readonly name: string;
  /** Absent: what it finds can be used. */
  readonly check?: DeviceCheck | undefined;
  /** Longest age of a reading on which a load is placed, in milliseconds. Absent: a load needs a new one. */
  readonly freshMs?: number | undefined;
  /** Takes as long as the tool takes, so call it only in the background. */
  read(): Promise<SourceReading>;
}

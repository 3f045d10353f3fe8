import type { ProcessRecords } from '../../processes/process-records.ts';
import type { SupervisionOptions } from '../../processes/supervised-process.ts';
import type { ColdModels } from '../harness.ts';
import type { PulseGroup } from '../pulse.ts';

/** Memory of the processes of a server, MiB. */
export interface ServerMemory {
  readonly ramMib?: number | undefined;
  readonly vramMib?: number | undefined;
}

/** What all external harnesses of a node share. */
export interface ExternalParts extends SupervisionOptions {
  readonly wedgeMs: number;
  /** Answers about GGUF files that are not loaded. */
  readonly cold: ColdModels;
  /** @param pid - Leads the process group of a server. */
  readonly measure: (pid: number) => Promise<ServerMemory>;
  readonly records: ProcessRecords;
  /** @param name - The model, or the harness if several models share the server. */
  readonly onLog: (name: string, line: string) => void;
  readonly pulses: PulseGroup;
  /** Base URL of neuron's own listener. */
  readonly ownUrl: () => string;
}

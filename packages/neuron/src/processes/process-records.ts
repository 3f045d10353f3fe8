/**
 * Records of started processes in `state_dir/engines/`, so that a killed daemon leaves none of them running.
 *
 * An engine ends when its channel closes. The records are for an engine that cannot, for example in a blocked
 * driver call, and for servers, which know nothing of this daemon.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from '@cortex/service';
import { z } from 'zod';

import type { StateWriter } from '../state-writer.ts';
import { killGroup } from './kill-group.ts';
import { processStartTime } from './process-start-time.ts';

/** Records processes, so that none outlives a daemon that was killed. */
export interface ProcessRecords {
  /** @param pid - A leader of a process group, which is ended with it. @param name - The model, or the harness whose server it is */
  add(pid: number, name: string): void;
  remove(pid: number): void;
}

const ProcessRecord = z.object({
  pid: z.int(),
  start_time: z.string(),
  model_id: z.string(),
});

function readRecord(path: string): z.infer<typeof ProcessRecord> | undefined {
  try {
    return ProcessRecord.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Truncated by a crash while it was written, so it names no process.
    return undefined;
  }
}

/**
 * Ends processes that an earlier daemon left running, and deletes their records.
 *
 * A process is ended only if pid and start time both match, because pids are reused.
 */
export function endLeftoverProcesses(directory: string, log: Logger): void {
  for (const name of namesIn(directory).filter((file) => file.endsWith('.json'))) {
    const path = join(directory, name);
    const record = readRecord(path);
    if (record && processStartTime(record.pid) === record.start_time) {
      log.warn(
        { pid: record.pid, model: record.model_id },
        'ending a process that an earlier daemon left running',
      );
      killGroup(record.pid, 'SIGKILL');
    }
    rmSync(path, { force: true });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // No process has ever been started.
    return [];
  }
}

/** Records in `directory`, one file per process. A process whose record cannot be written runs without one. */
export function createProcessRecords(directory: string, writer: StateWriter): ProcessRecords {
  const pathOf = (pid: number): string => join(directory, `${pid}.json`);
  return {
    add(pid, name) {
      const startTime = processStartTime(pid);
      if (startTime === undefined) return;
      const record = { pid, start_time: startTime, model_id: name };
      writer.write(pathOf(pid), `${JSON.stringify(record)}\n`);
    },
    remove(pid) {
      writer.remove(pathOf(pid));
    },
  };
}

/**
 * Records of engine processes in `state_dir/engines/`, so that a killed daemon leaves no engine running.
 *
 * An engine ends when its channel closes. The records are for an engine that cannot, for example in a blocked
 * driver call.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from '@cortex/service';
import { z } from 'zod';

import { processStartTime } from '../../process-start-time.ts';
import type { StateWriter } from '../../state-writer.ts';
import type { EngineRecords } from '../../engines/start-engine.ts';

const EngineRecord = z.object({ pid: z.int(), start_time: z.string(), model_id: z.string() });

function readRecord(path: string): z.infer<typeof EngineRecord> | undefined {
  try {
    return EngineRecord.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Truncated by a crash while it was written, so it names no process.
    return undefined;
  }
}

/**
 * Ends engines that an earlier daemon left running, and deletes their records.
 *
 * A process is ended only if pid and start time both match, because pids are reused.
 */
export function endLeftoverEngines(directory: string, log: Logger): void {
  for (const name of namesIn(directory).filter((file) => file.endsWith('.json'))) {
    const path = join(directory, name);
    const record = readRecord(path);
    if (record && processStartTime(record.pid) === record.start_time) {
      log.warn(
        { pid: record.pid, model: record.model_id },
        'ending an engine that an earlier daemon left running',
      );
      process.kill(record.pid, 'SIGKILL');
    }
    rmSync(path, { force: true });
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    // No engine has ever been started.
    return [];
  }
}

/** Records in `directory`, one file per process. An engine whose record cannot be written runs without one. */
export function createEngineRecords(directory: string, writer: StateWriter): EngineRecords {
  const pathOf = (pid: number): string => join(directory, `${pid}.json`);
  return {
    add(pid, modelId) {
      const startTime = processStartTime(pid);
      if (startTime === undefined) return;
      const record = { pid, start_time: startTime, model_id: modelId };
      writer.write(pathOf(pid), `${JSON.stringify(record)}\n`);
    },
    remove(pid) {
      writer.remove(pathOf(pid));
    },
  };
}

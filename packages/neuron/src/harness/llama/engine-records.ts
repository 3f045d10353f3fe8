/**
 * Engine processes written down in `state_dir/engines/`, so that a daemon that was killed leaves none behind.
 *
 * An engine ends with its channel by itself; this is for one that cannot, stuck in a driver call for instance.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Logger } from '@cortex/service';
import { z } from 'zod';

import { processStartTime } from '../../process-start-time.ts';
import type { EngineRecords } from '../../engines/start-engine.ts';

const EngineRecord = z.object({ pid: z.int(), start_time: z.string(), model_id: z.string() });

function readRecord(path: string): z.infer<typeof EngineRecord> | undefined {
  try {
    return EngineRecord.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Cut short by a crash while it was written: it names no process.
    return undefined;
  }
}

/**
 * Ends engines that an earlier daemon left and forgets their records.
 *
 * A process is ended only if pid and start time both match, because pids are used again.
 */
export function endLeftoverEngines(directory: string, log: Logger): void {
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory).filter((file) => file.endsWith('.json'))) {
    const path = join(directory, name);
    const record = readRecord(path);
    if (record && processStartTime(record.pid) === record.start_time) {
      log.warn({ pid: record.pid, model: record.model_id }, 'ending a leftover engine');
      process.kill(record.pid, 'SIGKILL');
    }
    rmSync(path, { force: true });
  }
}

/** Records in `directory`, one file a process. */
export function createEngineRecords(directory: string): EngineRecords {
  const pathOf = (pid: number): string => join(directory, `${pid}.json`);
  return {
    add(pid, modelId) {
      const startTime = processStartTime(pid);
      if (startTime === undefined) return;
      const record = { pid, start_time: startTime, model_id: modelId };
      writeFileSync(pathOf(pid), `${JSON.stringify(record)}\n`);
    },
    remove(pid) {
      rmSync(pathOf(pid), { force: true });
    },
  };
}

import { type ModelEntry } from '@cortex/protocol';

import type { ModelFile } from '../store/model-file.ts';

/** Years 0 and 10000: a date in RFC 3339 is between them, and a file system may have any time. */
const DATES_BEGIN_MS = -62_167_219_200_000;
const DATES_END_MS = 253_402_300_800_000;

/** What an entry says about the file. Only a whole file has a size: that of a part says nothing about the model. */
export function fileMembers(
  file: Pick<ModelFile, 'isPartial' | 'missingPart' | 'sizeBytes' | 'modifiedMs'> | undefined,
): Pick<ModelEntry, 'on_disk' | 'size_bytes' | 'modified_at'> {
  if (!file) return { on_disk: false };
  const { isPartial, missingPart, sizeBytes, modifiedMs } = file;
  if (isPartial || missingPart !== undefined) return { on_disk: true };
  const isDate = modifiedMs > DATES_BEGIN_MS && modifiedMs < DATES_END_MS;
  return {
    on_disk: true,
    size_bytes: sizeBytes,
    ...(isDate && { modified_at: new Date(modifiedMs).toISOString() }),
  };
}

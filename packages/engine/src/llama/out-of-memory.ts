import { writeSync } from 'node:fs';

/** How the library reports a failed allocation, in its log and its exceptions. */
const OUT_OF_MEMORY =
  /out of memory|insufficient memory|(failed|unable) to allocate|bad_alloc|cannot allocate memory/i;

export const saysOutOfMemory = (text: string): boolean => OUT_OF_MEMORY.test(text);

/**
 * Aborts this process if a decode threw `error` because memory ran out, as the library itself does at most failed
 * allocations. Its context is then in an unknown state, and the owner of the engine starts another.
 */
export function abortIfOutOfMemory(error: unknown): void {
  const said = error instanceof Error ? error.message : String(error);
  if (!saysOutOfMemory(said)) return;
  writeSync(process.stderr.fd, `The engine aborts because memory ran out: ${said}\n`);
  process.abort();
}

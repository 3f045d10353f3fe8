/**
 * The headers of model files that are not on this node, as sparse files: the header as it is on the server, and a hole
 * in place of the weights. Everything that reads only headers works with them as with the whole model.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import { type ByteSource, readGgufInThread } from '@cortex/engine/gguf';
import { CortexError } from '@cortex/protocol';

import type { ModelFile } from './model-file.ts';
import { sizeOnDisk } from './pull/partial-file.ts';
import type { PlannedFile, PullPlan } from './pull/planned-file.ts';
import type { RemoteFile } from './pull/remote-file.ts';

/** Models whose headers are kept; a large vocabulary takes 15 MB. */
const MAX_MODELS = 16;
/** Longest time for one header. */
const TIMEOUT_MS = 120_000;

/** Reads a range of the file, however much more the server sends. */
async function readRange(
  file: RemoteFile,
  range: { readonly start: number; readonly end: number },
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const opened = await file.open(range, signal);
  const bytes = new Uint8Array(Math.max(0, range.end - range.start));
  let at = opened.start;
  let got = 0;
  for await (const chunk of opened.body) {
    const skipped = Math.min(chunk.length, Math.max(0, range.start - at));
    const wanted = chunk.subarray(skipped, skipped + bytes.length - got);
    bytes.set(wanted, got);
    got += wanted.length;
    at += chunk.length;
    // The rest of the file is not needed; leaving the loop closes the connection.
    if (got === bytes.length) break;
  }
  return bytes.subarray(0, got);
}

interface Recorded extends ByteSource {
  /** What was read, by offset. */
  readonly chunks: ReadonlyMap<number, Uint8Array>;
}

function recordingSource(file: RemoteFile, signal: AbortSignal): Recorded {
  const chunks = new Map<number, Uint8Array>();
  return {
    size: file.sizeBytes,
    chunks,
    async read(start, end) {
      const bytes = await readRange(file, { start, end: Math.min(end, file.sizeBytes) }, signal);
      chunks.set(start, bytes);
      return bytes;
    },
    close: () => Promise.resolve(),
  };
}

/** Writes the header of a remote file to `path`, with the size of the whole file. */
async function writeHeader(file: RemoteFile, path: string, signal: AbortSignal): Promise<void> {
  const source = recordingSource(file, signal);
  const reading = await readGgufInThread(source);
  if (reading.kind === 'broken') {
    throw new CortexError('model_load_failed', `Cannot read ${file.name}: ${reading.problem}.`, {
      param: 'source',
    });
  }
  const draft = `${path}.${process.pid}.tmp`;
  const handle = await open(draft, 'w');
  try {
    for (const [offset, bytes] of source.chunks) await handle.write(bytes, 0, bytes.length, offset);
    await handle.truncate(file.sizeBytes);
  } finally {
    await handle.close();
  }
  await rename(draft, path);
}

export class RemoteHeaders {
  readonly #directory: string;
  /** Headers that are being fetched, by path. */
  readonly #running = new Map<string, Promise<void>>();

  /** @param directory - Made on demand. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * A file with the header of the model that `plan` would download. Its weights read as zeros.
   *
   * @throws CortexError `model_load_failed` if the file is not a GGUF; errors of the server; those of the disk
   */
  async fetch(modelId: string, plan: PullPlan): Promise<ModelFile> {
    const parts = plan.files.slice(0, plan.parts);
    const needed = [...parts, ...(plan.draft ? [plan.draft] : [])];
    const key = createHash('sha256')
      .update(needed.map(({ remote }) => `${remote.name} ${remote.version ?? ''}`).join('\n'))
      .digest('hex')
      .slice(0, 16);
    const folder = join(this.#directory, key);
    await mkdir(folder, { recursive: true });
    const paths: string[] = [];
    for (const file of needed) paths.push(await this.#fetchFile(file, folder));
    await utimes(folder, new Date(), new Date());
    await this.#removeOldest();
    const sizeBytes = parts.reduce((sum, { remote }) => sum + remote.sizeBytes, 0);
    return {
      id: modelId,
      path: paths[0] ?? '',
      parts: paths.slice(0, parts.length),
      draft: paths[parts.length],
      sizeBytes,
      quant: plan.quant,
      isPartial: false,
      modifiedMs: 0,
      fingerprint: `header ${key}`,
    };
  }

  async #fetchFile({ remote }: PlannedFile, folder: string): Promise<string> {
    const path = join(folder, remote.fileName);
    if ((await sizeOnDisk(path)) === remote.sizeBytes && remote.version !== undefined) return path;
    const running =
      this.#running.get(path) ??
      // Several callers may wait for it, so that none of them cancels it.
      writeHeader(remote, path, AbortSignal.timeout(TIMEOUT_MS)).finally(() =>
        this.#running.delete(path),
      );
    this.#running.set(path, running);
    await running;
    return path;
  }

  async #removeOldest(): Promise<void> {
    const names = await readdir(this.#directory);
    const folders = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#directory, name);
        return { path, usedMs: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 };
      }),
    );
    const old = folders.sort((a, b) => b.usedMs - a.usedMs).slice(MAX_MODELS);
    await Promise.all(old.map(({ path }) => rm(path, { recursive: true, force: true })));
  }
}

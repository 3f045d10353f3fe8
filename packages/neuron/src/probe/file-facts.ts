/** Known facts about model files, stored in `state_dir/probe` so that each file is inspected once. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { readGgufFileInThread } from '@cortex/engine/gguf';
import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

import type { StateWriter } from '../state-writer.ts';

const HEADER_BYTES = 1 << 20;
/** Number of newest estimates to keep per file. */
const MAX_ESTIMATES = 16;

/** `llama_pooling_type`: no pooling, as in models that generate text. */
const NO_POOLING = 0;
const RANK_POOLING = 4;
/** A file with a pooling type is made for vectors, even if it has a chat template. */
const wordOf = (pooling: unknown): string => (pooling === RANK_POOLING ? 'rerank' : 'embedding');

const Estimate = z.object({
  vramMib: z.number(),
  ramMib: z.number(),
  kvMibPer1kTokens: z.number(),
  contextTokens: z.int(),
  slots: z.int(),
  gpuLayers: z.int(),
  layers: z.int(),
  fits: z.boolean(),
  contextMax: z.int(),
  slotsMax: z.int(),
});

const FileFacts = z.object({
  /** Version of the program that wrote it; another version may interpret the file differently. */
  version: z.string(),
  path: z.string(),
  /** As `ModelFile.fingerprint`: paths, sizes and modification times. */
  fingerprint: z.string(),
  /** SHA-256 of the first MiB, hex. */
  headerHash: z.string(),
  /** The chat template has rendered or refused the sample conversations; absent: not tried, or endless. */
  template: z.literal('ends').optional(),
  /** As in `/models`; absent if unknown. */
  capabilities: z.array(z.string()).optional(),
  /** Context of the last load, or of an estimate with `auto`; tokens. */
  contextTokens: z.int().optional(),
  /** By settings, without a memory limit. */
  estimates: z.record(z.string(), Estimate),
});
export type FileFacts = z.infer<typeof FileFacts>;

/** The key of the facts about a model file. */
export interface ProbedFile {
  /** Absolute path of the (first) file. */
  readonly path: string;
  readonly fingerprint: string;
}

/** Reads the start of a file, which has its metadata. @throws CortexError `model_load_failed` when it cannot be read */
async function readStart(path: string): Promise<Uint8Array> {
  const file = await open(path).catch((cause: unknown) => {
    throw new CortexError('model_load_failed', `Cannot load ${path}: the file cannot be read.`, {
      cause,
    });
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The pooling type of a file (`llama_pooling_type`). The engine reports unreadable files. */
async function readPooling(path: string): Promise<unknown> {
  const reading = await readGgufFileInThread(path);
  if (reading.kind === 'broken') return NO_POOLING;
  const { architecture, metadata } = reading.header;
  return metadata.get(`${architecture}.pooling_type`)?.value ?? NO_POOLING;
}

export class FileFactsStore {
  readonly #directory: string;
  readonly #version: string;
  readonly #writer: StateWriter;
  readonly #facts = new Map<string, FileFacts>();

  /** Reads the facts that an earlier daemon of the same version wrote about files that still exist. */
  constructor(
    directory: string,
    options: { readonly version: string; readonly writer: StateWriter },
  ) {
    const { version, writer } = options;
    this.#directory = directory;
    this.#version = version;
    this.#writer = writer;
    if (!existsSync(directory)) return;
    for (const name of readdirSync(directory)) {
      const path = join(directory, name);
      const facts = readFacts(path);
      if (facts?.version === version && existsSync(facts.path)) {
        this.#facts.set(facts.fingerprint, facts);
      } else {
        writer.remove(path);
      }
    }
  }

  /** Known facts about a file, by size and modification time. Reads memory only. */
  known(fingerprint: string): FileFacts | undefined {
    return this.#facts.get(fingerprint);
  }

  /** Known facts about the current file; reads its header and compares it. @throws as `readStart` */
  async current({ path, fingerprint }: ProbedFile): Promise<FileFacts> {
    const start = await readStart(path);
    const headerHash = createHash('sha256').update(start).digest('hex');
    const facts = this.#facts.get(fingerprint);
    if (facts?.headerHash === headerHash) return facts;
    const pooling = await readPooling(path);
    return {
      version: this.#version,
      path,
      fingerprint,
      headerHash,
      ...(pooling !== NO_POOLING && { capabilities: [wordOf(pooling)] }),
      estimates: {},
    };
  }

  /** Stores facts; in memory only if they cannot be written. */
  learn(
    file: FileFacts,
    found: Partial<Pick<FileFacts, 'template' | 'capabilities' | 'contextTokens' | 'estimates'>>,
  ): void {
    // Two questions about one file may run in parallel, so the answers are merged.
    const known = this.#facts.get(file.fingerprint);
    const base = known?.headerHash === file.headerHash ? known : file;
    const estimates = Object.entries({ ...base.estimates, ...found.estimates });
    const facts: FileFacts = {
      ...base,
      ...found,
      estimates: Object.fromEntries(estimates.slice(-MAX_ESTIMATES)),
    };
    this.#facts.set(facts.fingerprint, facts);
    const name = createHash('sha256').update(facts.fingerprint).digest('hex').slice(0, 32);
    this.#writer.write(join(this.#directory, `${name}.json`), `${JSON.stringify(facts)}\n`);
  }
}

function readFacts(path: string): FileFacts | undefined {
  try {
    return FileFacts.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch {
    // Truncated by a crash while it was written, so the file is inspected again.
    return undefined;
  }
}

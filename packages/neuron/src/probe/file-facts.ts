/** What the probe found out about model files, kept in `state_dir/probe` so that it is asked once a file. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { readGgufFile } from '@cortex/engine/gguf';
import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

import type { StateWriter } from '../state-writer.ts';

const HEADER_BYTES = 1 << 20;
/** Settings of one file whose estimates are kept, the newest. */
const MAX_ESTIMATES = 16;

/** `llama_pooling_type`: vectors stay as they are, which is how text is written. */
const NO_POOLING = 0;
const RANK_POOLING = 4;
/** A file that says how to pool is made for vectors, also where it has a chat template. */
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
  /** Of the program that wrote it: another one may see the file with other eyes. */
  version: z.string(),
  path: z.string(),
  /** As `ModelFile.fingerprint`: paths, sizes and times of change. */
  fingerprint: z.string(),
  /** SHA-256 of the first MiB, hex. */
  headerHash: z.string(),
  /** The chat template has rendered the sample conversations, or refused them; absent: not tried, or to no end. */
  template: z.literal('ends').optional(),
  /** As in `/models`; absent if unknown. */
  capabilities: z.array(z.string()).optional(),
  /** Context of the last load, or what an estimate made of `auto`; tokens. */
  contextTokens: z.int().optional(),
  /** By settings, with no limit to the memory. */
  estimates: z.record(z.string(), Estimate),
});
export type FileFacts = z.infer<typeof FileFacts>;

/** A model file as its facts are found by. */
export interface ProbedFile {
  /** Absolute path of the (first) file. */
  readonly path: string;
  readonly fingerprint: string;
}

/** The start of a file, where its metadata are. @throws CortexError `model_load_failed` when it cannot be read */
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

/** How vectors of tokens become one (`llama_pooling_type`). A file that cannot be read is left to the engine. */
async function readPooling(path: string): Promise<unknown> {
  const reading = await readGgufFile(path);
  if (reading.kind === 'broken') return NO_POOLING;
  const { architecture, metadata } = reading.header;
  return metadata.get(`${architecture}.pooling_type`)?.value ?? NO_POOLING;
}

export class FileFactsStore {
  readonly #directory: string;
  readonly #version: string;
  readonly #writer: StateWriter;
  readonly #facts = new Map<string, FileFacts>();

  /** Reads what an earlier daemon of the same version wrote about files that are still there. */
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

  /** What is known of a file by its size and time of change. Reads memory only. */
  known(fingerprint: string): FileFacts | undefined {
    return this.#facts.get(fingerprint);
  }

  /** What is known of the file as it is now: its header is read and compared. @throws as `readStart` */
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

  /** Keeps what has been found out, in memory where it cannot be written down. */
  learn(
    file: FileFacts,
    found: Partial<Pick<FileFacts, 'template' | 'capabilities' | 'contextTokens' | 'estimates'>>,
  ): void {
    // Two questions about one file may run side by side: neither forgets the other's answer.
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
    // Cut short by a crash while it was written: it is asked again.
    return undefined;
  }
}

import { readFile, writeFile } from 'node:fs/promises';

import type { NativeCheckpoint, NativeSampler, SamplerConfig, Token } from '../native-types.ts';

/** Version of the fake's files. */
export const BYTES_PER_TOKEN = 16;

/**
 * A context that holds tokens in place of cells. It records every decode, and rejects calls for which the library would
 * give wrong answers (a gap, an impossible cut, a checkpoint of another sequence).
 */
export class FakeContext {
  /** Per decode: sequence → tokens. */
  readonly steps: Map<number, number>[] = [];
  readonly samplers = new Set<FakeSampler>();
  readonly sequences = new Map<number, Token[]>();
  readonly copies: [number, number][] = [];
  failDecode: (() => void) | undefined;
  failFile: ((path: string) => void | Promise<void>) | undefined;
  onStep: (() => void) | undefined;
  /** Called before a token is sampled, with the tokens of its sequence. */
  onSample: ((sampler: FakeSampler, sequence: readonly Token[]) => void) | undefined;
  sample = (_sampler: FakeSampler): number => 7;
  minPosition = 0;
  canCut = true;
  openCheckpoints = 0;
  #batch = new Map<number, number>();
  #logits: (readonly Token[])[] = [];

  initBatch(): void {
    this.#batch = new Map();
    this.#logits = [];
  }

  addToBatch(sequence: number, from: number, tokens: Uint32Array, wanted: Uint32Array) {
    const held = this.#of(sequence);
    if (held.length !== from) throw new Error(`${from} does not follow ${held.length} cells`);
    this.#batch.set(sequence, tokens.length);
    held.push(...tokens);
    return wanted.map((index) => this.#logits.push(held.slice(0, from + index + 1)) - 1);
  }

  async decodeBatch(): Promise<void> {
    this.steps.push(this.#batch);
    this.onStep?.();
    await turn();
    this.failDecode?.();
  }

  async sampleToken(logits: number, sampler: NativeSampler): Promise<never> {
    const held = this.#logits[logits] ?? [];
    await turn();
    if (!(sampler instanceof FakeSampler)) throw new Error('not one of ours');
    if (sampler.isDisposed) throw new Error('freed while it samples');
    this.onSample?.(sampler, held);
    // The binding has two overloads. Only the plain one is called here.
    return this.sample(sampler) as never;
  }

  removeTokenCellsFromSequence(sequence: number, from: number): boolean {
    const held = this.#of(sequence);
    if (!this.canCut && from < held.length) return false;
    held.length = Math.min(held.length, from);
    return true;
  }

  disposeSequence(sequence: number): void {
    this.sequences.delete(sequence);
  }

  getSequenceKvCacheMinPosition(sequence: number): number {
    const last = this.#of(sequence).length - 1;
    return this.canCut ? Math.min(this.minPosition, last) : last;
  }

  async copySequenceStateFromOtherSequence(target: number, source: number): Promise<number> {
    this.copies.push([target, source]);
    await turn();
    this.sequences.set(target, [...this.#of(source)]);
    return 0;
  }

  getMemoryBreakdown() {
    return { cpuRam: 0, gpuVram: 0 };
  }

  async saveSequenceStateToFile(
    path: string,
    sequence: number,
    tokens: Uint32Array,
  ): Promise<number> {
    await this.failFile?.(path);
    if (this.#of(sequence).join() !== tokens.join()) throw new Error('other cells than it says');
    const bytes = tokens.length * BYTES_PER_TOKEN;
    await writeFile(path, tokens.join().padEnd(bytes));
    return bytes;
  }

  async loadSequenceStateFromFile(path: string, sequence: number): Promise<Uint32Array> {
    await this.failFile?.(path);
    const tokens = (await readFile(path, 'utf8')).trim().split(',').map(Number);
    this.sequences.set(sequence, tokens);
    return Uint32Array.from(tokens);
  }

  createCheckpoint(): NativeCheckpoint {
    return new FakeCheckpoint(this);
  }

  async restoreCheckpoint(
    checkpoint: NativeCheckpoint,
    maxPosition: number,
    sequence: number,
  ): Promise<boolean> {
    await turn();
    if (!(checkpoint instanceof FakeCheckpoint)) throw new Error('not one of ours');
    const { tokens } = checkpoint;
    const held = this.#of(sequence);
    if (tokens === undefined || tokens.length !== maxPosition + 1) return false;
    if (tokens.some((token, index) => token !== held[index]))
      throw new Error('a checkpoint of another sequence');
    held.length = tokens.length;
    return true;
  }

  getEmbedding(): Float64Array {
    return new Float64Array(0);
  }

  ensureDraftContextIsCompatibleForSpeculative(): void {}

  #of(sequence: number): Token[] {
    const held = this.sequences.get(sequence) ?? [];
    this.sequences.set(sequence, held);
    return held;
  }
}

class FakeCheckpoint implements NativeCheckpoint {
  readonly size = 100;
  readonly minPos = 0;
  tokens: Token[] | undefined;
  readonly #owner: FakeContext;

  constructor(owner: FakeContext) {
    this.#owner = owner;
    owner.openCheckpoints++;
  }

  get maxPos(): number {
    return (this.tokens?.length ?? 0) - 1;
  }

  async init(_context: unknown, sequence: number): Promise<void> {
    this.tokens = [...(this.#owner.sequences.get(sequence) ?? [])];
    await turn();
  }

  dispose(): void {
    this.#owner.openCheckpoints--;
    this.tokens = undefined;
  }
}

export class FakeSampler implements NativeSampler {
  isDisposed = false;
  readonly config: SamplerConfig;

  constructor(config: SamplerConfig) {
    this.config = config;
  }

  applyConfig(): void {}

  dispose(): void {
    this.isDisposed = true;
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

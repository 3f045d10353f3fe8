import { expect, onTestFinished, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { CortexError } from '@cortex/protocol';

import { CONTEXT_TOKENS, type Section, SLOTS, suiteSpec, thrownBy } from '../subject.ts';

export const loading: Section = (subject, options) => {
  test('a load reports progress that never decreases, then what it loaded', async () => {
    const engine = await subject().make();
    const seen: { phase: string; ratio: number }[] = [];

    const loaded = await engine.load(
      suiteSpec(options),
      (progress) => seen.push(progress),
      new AbortController().signal,
    );

    const ratios = seen.map((progress) => progress.ratio);
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toEqual({ phase: 'ready', ratio: 1 });
    expect(loaded.capabilities.toSorted()).toEqual(options.claims.toSorted());
    expect(loaded.limits).toMatchObject({ contextTokens: CONTEXT_TOKENS, slots: SLOTS });
    expect(loaded.limits.trainedContextTokens).toBeGreaterThan(0);
    expect(loaded.backend).toBe(options.spec.backend);
    expect(loaded.memory.ramMib + loaded.memory.vramMib).toBeGreaterThan(0);
    await engine.close(0);
  });

  test('an aborted load rejects, and the engine can be closed', async () => {
    const engine = await subject().make();
    const abort = new AbortController();

    const load = engine.load(suiteSpec(options), () => abort.abort(), abort.signal);

    expect(await thrownBy(load)).toBeInstanceOf(Error);
    await engine.close(0);
  });

  test('a load that is aborted before it starts rejects', async () => {
    const engine = await subject().make();

    const load = engine.load(suiteSpec(options), () => undefined, AbortSignal.abort());

    expect(await thrownBy(load)).toBeInstanceOf(Error);
    await engine.close(0);
  });

  test('a missing file is a structural failure that names the file', async () => {
    const engine = await subject().make();
    const spec = { ...suiteSpec(options), modelPath: '/nowhere/no-such-model.gguf' };

    const failure = await failureOf(engine.load(spec, () => undefined, never()));

    expect(failure).toMatchObject({ code: 'model_load_failed', status: 422 });
    expect(failure.message).toContain('no-such-model.gguf');
    await engine.close(0);
  });

  test('a file that is not a model is a structural failure that names the file', async () => {
    const engine = await subject().make();
    const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const modelPath = join(folder, 'broken-model.gguf');
    writeFileSync(modelPath, 'broken: this is no model\n'.repeat(100));

    const failure = await failureOf(
      engine.load({ ...suiteSpec(options), modelPath }, () => undefined, never()),
    );

    expect(failure).toMatchObject({ code: 'model_load_failed', status: 422 });
    expect(failure.message).toContain(basename(modelPath));
    await engine.close(0);
  });
};

const never = () => new AbortController().signal;

async function failureOf(promise: Promise<unknown>): Promise<CortexError> {
  const thrown = await thrownBy(promise);
  if (!(thrown instanceof CortexError))
    throw new Error('expected a CortexError', { cause: thrown });
  return thrown;
}

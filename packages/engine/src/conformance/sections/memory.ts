import { expect, test } from 'bun:test';

import {
  answerOf,
  ask,
  completionOf,
  CONTEXT_TOKENS,
  loadFresh,
  type Section,
  SLOTS,
  suiteSpec,
  thrownBy,
} from '../subject.ts';

export const estimating: Section = (subject, options) => {
  test('an estimate before the load is close to the memory that the load takes', async () => {
    const engine = await subject().make();
    try {
      const estimate = await engine.estimate(suiteSpec(options), {});

      const { memory } = subject().loaded;
      expect(estimate).toMatchObject({ contextTokens: CONTEXT_TOKENS, slots: SLOTS, fits: true });
      // Tolerance for rounding, and for CPUs that need less memory for repacked weights.
      expect(estimate.ramMib).toBeGreaterThanOrEqual(memory.ramMib - 2);
      expect(estimate.ramMib).toBeLessThanOrEqual(memory.ramMib * 1.4 + 2);
      expect(estimate.vramMib).toBeGreaterThanOrEqual(memory.vramMib);
    } finally {
      await engine.close(0);
    }
  });

  test('an estimate says what fits into a memory budget', async () => {
    const engine = await subject().make();
    try {
      const spec = suiteSpec(options);
      const ample = await engine.estimate(spec, {});

      const tight = await engine.estimate(spec, { ramMib: 1, vramMib: 0 });

      expect(ample.contextMax).toBe(subject().loaded.limits.trainedContextTokens);
      expect(tight).toMatchObject({ fits: false, contextMax: 0, slotsMax: 0 });
    } finally {
      await engine.close(0);
    }
  });

  if (options.claims.includes('completions')) {
    test('quantised KV cells take less memory and still answer', async () => {
      const used: number[] = [];
      for (const kvType of ['f16', 'q8_0', 'q4_0'] as const) {
        const engine = await subject().make();
        try {
          const spec = { ...suiteSpec(options), kvType };
          const { memory } = await engine.load(spec, () => undefined, never());
          const { last } = await answerOf(ask(engine, completionOf(8), { route: 'completions' }));

          expect(last.usage.completionTokens).toBe(8);
          used.push(memory.ramMib + memory.vramMib);
        } finally {
          await engine.close(0);
        }
      }

      expect(used).toEqual(used.toSorted((a, b) => b - a));
      expect(used.at(-1)).toBeLessThan(used[0] ?? 0);
    });

    test('stats report the speed of prefill and decode', async () => {
      const { engine } = subject();
      await answerOf(ask(engine, completionOf(8), { route: 'completions' }));

      const { tokSPrefill, tokSDecode, longestStepMs, lastStepAgeMs, rssMib } =
        await engine.stats();

      for (const figure of [tokSPrefill, tokSDecode, longestStepMs, rssMib])
        expect(figure).toBeGreaterThan(0);
      expect(lastStepAgeMs).toBeGreaterThanOrEqual(0);
    });
  }

  test('an estimate for a file that is not a model is refused with its name', async () => {
    const engine = await subject().make();
    try {
      const spec = { ...suiteSpec(options), modelPath: '/no/such/model.gguf' };

      const error = await thrownBy(engine.estimate(spec, {}));

      expect(error).toMatchObject({ code: 'model_load_failed' });
      expect(String(error)).toContain('/no/such/model.gguf');
    } finally {
      await engine.close(0);
    }
  });

  test('devices lists each device by name', async () => {
    const engine = await loadFresh(subject(), 1);
    try {
      const [first] = await engine.devices();

      expect(first?.name).toMatch(/\S/);
      expect(first?.backend).toBe(options.spec.backend);
    } finally {
      await engine.close(0);
    }
  });
};

const never = (): AbortSignal => new AbortController().signal;

import { expect, test } from 'bun:test';

import type { EngineLoadSpec } from '../../engine/load.ts';
import {
  answerOf,
  ask,
  completionOf,
  type Section,
  type Subject,
  suiteSpec,
  thrownBy,
} from '../subject.ts';

const REPETITIVE = 'one two three four one two three four one two three four one two';

async function textWith(subject: Subject, spec: EngineLoadSpec): Promise<string> {
  const engine = await subject.make();
  try {
    await engine.load(spec, () => undefined, new AbortController().signal);
    const body = completionOf(48, { prompt: REPETITIVE });
    return (await answerOf(ask(engine, body, { route: 'completions' }))).text;
  } finally {
    await engine.close(0);
  }
}

export const speculation: Section = (subject, options) => {
  test('speculative decoding does not change the text, whatever the drafter', async () => {
    const spec = suiteSpec(options, 1);

    const plain = await textWith(subject(), spec);
    const lookup = await textWith(subject(), { ...spec, draft: { kind: 'lookup' } });
    const draft = { kind: 'model', modelPath: spec.modelPath } as const;
    const model = await textWith(subject(), { ...spec, draft });

    expect(lookup).toBe(plain);
    expect(model).toBe(plain);
  });
};

export const lora: Section = (subject, options) => {
  test('a LoRA adapter changes the answer, but not at scale 0', async () => {
    if (options.loraPath === undefined) throw new Error('`lora` is claimed: give `loraPath`');
    const spec = suiteSpec(options, 1);
    const path = options.loraPath;

    const plain = await textWith(subject(), spec);
    const none = await textWith(subject(), { ...spec, lora: [{ path, scale: 0 }] });
    const full = await textWith(subject(), { ...spec, lora: [{ path, scale: 1 }] });

    expect(none).toBe(plain);
    expect(full).not.toBe(plain);
  });

  test('a missing LoRA adapter fails the load with its name', async () => {
    const engine = await subject().make();
    const spec = { ...suiteSpec(options, 1), lora: [{ path: '/no/adapter.gguf', scale: 1 }] };
    try {
      const error = await thrownBy(
        engine.load(spec, () => undefined, new AbortController().signal),
      );

      expect(error).toMatchObject({ code: 'model_load_failed' });
      expect(String(error)).toContain('/no/adapter.gguf');
    } finally {
      await engine.close(0);
    }
  });
};

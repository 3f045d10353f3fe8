import { expect, test } from 'bun:test';

import { range, setUp } from './scheduler-under-test.ts';
import { type RecordedStep, StepStats } from './step-stats.ts';

const reading = (promptTokens: number): Partial<RecordedStep> => ({
  promptSequences: 1,
  promptTokens,
});

function record(...steps: readonly Partial<RecordedStep>[]) {
  const stats = new StepStats();
  for (const step of steps)
    stats.record({
      sequences: 1,
      promptSequences: 0,
      promptTokens: 0,
      generatedTokens: 0,
      ms: 100,
      atMs: 1,
      ...step,
    });
  return stats.read(2);
}

test('StepStats measures each speed only from steps that did nothing else', () => {
  const mixed = { sequences: 2, ...reading(50), generatedTokens: 1, ms: 900 };

  expect(record(reading(50), { generatedTokens: 2 }, mixed)).toMatchObject({
    tokSPrefill: 500,
    tokSDecode: 20,
  });
});

test('StepStats measures the decode speed of one answer, however many share the step', () => {
  expect(record({ sequences: 4, generatedTokens: 8 })).toMatchObject({ tokSDecode: 20 });
});

test('StepStats ignores a step whose only token was discarded', () => {
  expect(record(reading(50), { generatedTokens: 2 }, {})).toMatchObject({
    tokSPrefill: 500,
    tokSDecode: 20,
    batchSizes: { 1: 3 },
  });
});

test('StepStats counts a prompt step with a discarded token as mixed', () => {
  const late = { sequences: 2, ...reading(50), ms: 900 };

  expect(record(reading(50), late)).toMatchObject({ tokSPrefill: 500 });
});

test('StepStats keeps both speeds when answers end at a stop string', async () => {
  const { send, scheduler } = setUp({ slots: 1, stepMs: 10 });
  for (let index = 0; index < 30; index++)
    await send({ prompt: range(20, index * 100), maxTokens: 9, stop: ['<7><7><7>'] }).last;

  const { tokSPrefill, tokSDecode } = scheduler.stats();

  // Twenty prompt tokens, or one sampled token, in a step of 10 ms.
  expect(tokSPrefill).toBeCloseTo(2000);
  expect(tokSDecode).toBeCloseTo(100);
});

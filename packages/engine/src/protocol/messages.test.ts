import { expect, test } from 'bun:test';

import type { EngineLoadSpec, LoadedModel } from '../engine/load.ts';
import type { EngineStats } from '../engine/stats.ts';
import { isStepItem } from './from-engine.ts';
import { formatLoaded, formatLoadSpec, readLoaded, readLoadSpec } from './load-spec.ts';
import { readStep } from './read-step.ts';
import { formatStats, readStats } from './stats.ts';
import { formatClose, formatGenerate, readClose, readGenerate } from './to-engine.ts';

/** What the other side gets of `message`. */
const overTheWire = (message: object): unknown => JSON.parse(JSON.stringify(message));

test('a load spec survives formatting and reading', () => {
  const spec: EngineLoadSpec = {
    modelId: 'Qwen/Qwen3-8B',
    modelPath: '/models/q.gguf',
    backend: 'cuda',
    contextLength: 'auto',
    slots: 2,
    gpuLayers: 31,
    kvType: 'q8_0',
    threads: 3,
    prefillChunkTokens: 512,
    isBatchInvariant: true,
    promptCacheMib: 1024,
    params: { temperature: 0.7 },
    loadMode: 'direct',
    vocabOnly: true,
    lora: [{ path: '/m/style.gguf', scale: 0.5 }],
    draft: { kind: 'model', modelPath: '/m/small.gguf' },
    restoreDir: '/state/m',
  };

  expect(readLoadSpec(overTheWire(formatLoadSpec(spec)))).toEqual(spec);
});

test('a loaded message survives formatting and reading, except for unknown capabilities', () => {
  const model: LoadedModel = {
    capabilities: ['chat', 'tools'],
    limits: { contextTokens: 8192, slots: 4, trainedContextTokens: 32_768 },
    memory: { ramMib: 12.5, vramMib: 4000 },
    backend: 'vulkan',
    gpuLayers: '31/48',
    quant: 'Q4_K_M',
    loadMode: 'mmap',
  };
  const wire = { ...formatLoaded(model), capabilities: ['chat', 'tools', 'telepathy'] };

  expect(readLoaded(overTheWire(wire))).toEqual(model);
});

test('a loaded message of a newer engine with an unknown load mode is read without it', () => {
  const wire = {
    capabilities: [],
    limits: { context_tokens: 1, slots: 1, trained_context_tokens: 1 },
    memory: { ram_mib: 1, vram_mib: 0 },
    backend: 'cpu',
    gpu_layers: '0/1',
    load_mode: 'telepathy',
  };

  expect(readLoaded(wire)).not.toHaveProperty('loadMode');
});

test('stats survive formatting and reading, and unmeasured values stay absent', () => {
  const stats: EngineStats = {
    queueDepth: 1,
    slots: 4,
    busySlots: 2,
    runnableSlots: 1,
    longestStepMs: 12.5,
    batchSizes: { '1': 3, '4': 9 },
    tokSDecode: 44.1,
    promptCache: { entries: 2, bytes: 5_000_000_000, hits: 7 },
    kvCellsUsed: 100,
    kvCellsTotal: 2048,
    rssMib: 900,
  };

  expect(readStats(overTheWire(formatStats(stats)))).toEqual(stats);
});

test('a request and a close survive formatting and reading', () => {
  const request = {
    id: 'caller',
    route: 'chat' as const,
    body: { messages: [], future: { field: [1] } },
    principal: 'key:a',
    requestId: 'req_1',
    params: { temperature: 0.2 },
  };

  expect(readGenerate(overTheWire(formatGenerate('7', request)))).toEqual({
    request: { ...request, id: '7' },
    credit: 64,
  });
  expect(readClose(overTheWire(formatClose(2000, { saveDir: '/state' })))).toEqual({
    graceMs: 2000,
    options: { saveDir: '/state' },
  });
});

test('a malformed close is a close without a grace period', () => {
  expect(readClose({ kind: 'close', grace_ms: 'soon' })).toEqual({ graceMs: 0, options: {} });
});

test('a step is read per request, with every kind of item', () => {
  const tool = { index: 0, id: 'call_1', name: 'add', arguments: '{' };
  const logprobs = [{ token: 'a', logprob: -0.5, bytes: [97] }];

  const step = readStep({
    kind: 'step',
    ms: 12,
    items: [
      { id: 'a', text: 'x' },
      { id: 'a', index: 1, text: 'y', logprobs },
      { id: 'b', reasoning: 'hm' },
      { id: 'b', tool },
    ],
  });

  expect(step).toEqual({
    stepMs: 12,
    requests: [
      { id: 'a', items: [{ text: 'x' }, { index: 1, text: 'y', logprobs }] },
      { id: 'b', items: [{ reasoning: 'hm' }, { tool }] },
    ],
  });
});

test('an item with a member of the wrong type is rejected', () => {
  const wrong = [
    undefined,
    'text',
    {},
    { id: 1 },
    { id: 'a', text: 1 },
    { id: 'a', reasoning: null },
    { id: 'a', index: '0' },
    { id: 'a', tool: null },
    { id: 'a', logprobs: {} },
  ];

  expect(wrong.filter(isStepItem)).toEqual([]);
  expect(() => readStep({ kind: 'step', items: 'none' })).toThrow(TypeError);
});

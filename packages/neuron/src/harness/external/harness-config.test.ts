import { describe, expect, test } from 'bun:test';

import { checkHarnesses, HarnessConfig } from './harness-config.ts';

const shared = { name: 'x', kind: 'openai', endpoint: 'http://127.0.0.1:1' };
const each = { name: 'x', kind: 'llamacpp', mode: 'per_model', command: ['run', '${port}'] };

const check = (...harnesses: readonly object[]): void =>
  checkHarnesses(
    harnesses.map((harness) => HarnessConfig.parse(harness)),
    new Map(),
  );

describe('[[harnesses]]', () => {
  test('may be an endpoint, a command, a unit, or a command per model', () => {
    expect(() =>
      check(
        shared,
        { name: 'b', kind: 'vllm', command: ['run', '--port', '${port}'] },
        { name: 'c', kind: 'vllm', command: ['run', '-p', '9'], endpoint: 'http://127.0.0.1:9' },
        { ...shared, name: 'd', systemd_unit: 'vllm.service' },
        { ...each, name: 'e' },
      ),
    ).not.toThrow();
  });

  test.each([
    ['a name twice', [shared, shared], 'used twice'],
    ['the name of our own engine', [{ ...shared, name: 'llama' }], 'is one that neuron brings'],
    ['no place', [{ name: 'x', kind: 'openai' }], 'endpoint is missing'],
    [
      'a unit without endpoint',
      [{ name: 'x', kind: 'vllm', systemd_unit: 'a' }],
      'endpoint is missing',
    ],
    [
      'unit and command',
      [{ ...shared, command: ['a'], systemd_unit: 'b' }],
      'both start the server',
    ],
    [
      'a shared command without port',
      [{ name: 'x', kind: 'vllm', command: ['a'] }],
      'needs ${port}',
    ],
    ['two ports', [{ ...shared, command: ['a', '${port}'] }], 'both choose the port'],
    [
      'a file for a shared server',
      [{ ...shared, command: ['a', '${file}'] }],
      'may not hold ${file}',
    ],
    ['accept_args of a shared server', [{ ...shared, accept_args: true }], 'per_model'],
    ['an endpoint per model', [{ ...each, endpoint: 'http://a' }], 'is for mode = "shared"'],
    ['no command per model', [{ ...each, command: undefined }], 'command is missing'],
    ['comfyui without workflows', [{ ...shared, kind: 'comfyui' }], 'workflows is missing'],
    ['comfyui per model', [{ ...each, kind: 'comfyui', workflows: 'w' }], 'mode must be "shared"'],
    ['workflows of another kind', [{ ...shared, workflows: 'w' }], 'is for kind = "comfyui"'],
    ['a command per model without port', [{ ...each, command: ['run'] }], 'needs ${port}'],
  ])('with %s are refused with the reason', (_name, harnesses, why) => {
    expect(() => check(...harnesses)).toThrow(why);
  });
});

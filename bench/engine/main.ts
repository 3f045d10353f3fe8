/** `npm run bench:engine`: see `options.ts` for what it does and takes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';

import { measure, throughputLoad } from './measure.ts';
import { buildNativeBench, LIBRARY_VERSION, nativeCommand } from './native-bench.ts';
import { readOptions } from './options.ts';
import { missedTargets, summarise, TARGETS } from './report.ts';

const OUT = resolve(import.meta.dir, '../out');
const TINY = resolve(import.meta.dir, '../../models/cortex-tiny.gguf');

const options = readOptions();
const say = (text: string): void => {
  if (!options.isJson) console.log(text);
};
const machine = { cpu: cpus()[0]?.model, cores: cpus().length, load_before: loadavg() };
const program = buildNativeBench(resolve(import.meta.dir, '../../node_modules/.cache/llama-bench'));

say(
  `${options.model} against llama-batched-bench, ${options.threads} thread, ${options.pairs} pairs:`,
);
const smol = await measure({ ...options, program, say });
say('cortex-tiny:');
const tiny = options.hasTiny ? await measure({ ...options, model: TINY, program, say }) : undefined;

const figures = summarise(smol);
const result = {
  bench: 'engine',
  ...figures,
  ...(tiny && { tiny: summarise(tiny) }),
};
mkdirSync(OUT, { recursive: true });
const exampleLoad = throughputLoad(options, options.streams[0] ?? 1);
const written = {
  ...result,
  at: new Date().toISOString(),
  targets: TARGETS,
  machine: { ...machine, load_after: loadavg() },
  versions: { bun: Bun.version, 'node-llama-cpp': LIBRARY_VERSION },
  command: process.argv.slice(1),
  native_command: nativeCommand(program, exampleLoad),
  slow_us: options.slowUs,
  samples: { smol, tiny },
};
writeFileSync(join(OUT, 'engine.json'), JSON.stringify(written, null, 2));
console.log(options.isJson ? JSON.stringify(result) : JSON.stringify(result, null, 2));
const missed = missedTargets(figures);
for (const line of missed) say(`MISSED  ${line}`);
if (missed.length > 0 && options.isChecked) process.exitCode = 1;

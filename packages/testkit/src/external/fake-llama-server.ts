/** The fake external server as a program with the options of llama-server. */
import { existsSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

import { FakeServer } from './fake-server.ts';

const { values } = parseArgs({
  // llama-server takes long names with one or two dashes.
  args: process.argv.slice(2).map((arg) => (/^-(np|ngl|mm)$/.test(arg) ? `-${arg}` : arg)),
  options: {
    model: { type: 'string', short: 'm' },
    port: { type: 'string' },
    host: { type: 'string' },
    'ctx-size': { type: 'string', short: 'c' },
    np: { type: 'string' },
    ngl: { type: 'string' },
    mmproj: { type: 'string' },
    'n-cpu-moe': { type: 'string' },
    alias: { type: 'string', short: 'a' },
    threads: { type: 'string', short: 't' },
    jinja: { type: 'boolean' },
    'spec-type': { type: 'string' },
    // Of vLLM.
    'enable-sleep-mode': { type: 'boolean' },
    help: { type: 'boolean' },
    version: { type: 'boolean' },
  },
  strict: true,
});

if (values.version === true) {
  process.stderr.write('version: 9999 (fake)\n');
  process.exit(0);
}
if (values.help === true) {
  process.stdout.write(
    `--spec-type none,draft-simple,draft-mtp,ngram-simple
                                        comma-separated list of types of speculative decoding to use (default: none)
`,
  );
  process.exit(0);
}
const { model = 'fake', port = '8080', np = '1', mmproj } = values;
if (values.model !== undefined && !existsSync(model)) {
  process.stderr.write(`error: failed to load model '${model}'\n`);
  process.exit(1);
}
/** Says what it holds on a GPU that is not there: `FAKE_GPU_MIB` is what it takes, and what it keeps asleep. */
function holdMemory(isAsleep: boolean): void {
  const { FAKE_GPU_DIR: folder, FAKE_GPU_MIB: sizes = '0,0' } = process.env;
  if (folder === undefined) return;
  writeFileSync(join(folder, String(process.pid)), sizes.split(',')[isAsleep ? 1 : 0] ?? '');
}

process.stderr.write(`loading ${model}, speculative decoding: ${values['spec-type'] ?? 'none'}\n`);
const contextTotal = Number(values['ctx-size'] ?? 4096);
const server = new FakeServer({
  port: Number(port),
  models: [values.alias ?? basename(model)],
  contextTokens: Math.floor(contextTotal / Number(np)),
  slots: Number(np),
  hasVision: mmproj !== undefined,
  loadMs: Number(process.env['FAKE_LOAD_MS'] ?? 0),
  onFault(fault) {
    if (fault === 'exit') process.exit(3);
    process.kill(process.pid, 'SIGSTOP');
  },
  onSleep: holdMemory,
});
holdMemory(false);
process.stderr.write(`server is listening on ${server.url}\n`);

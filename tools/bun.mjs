/** Runs a TypeScript file of this repository under its own Bun: `node tools/bun.mjs bench/gateway/main.ts --json`. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

import { launch } from '../packages/service/launch.mjs';

const [file, ...args] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: node tools/bun.mjs FILE [ARGUMENTS]');
  process.exit(2);
}
await launch({ entry: pathToFileURL(resolve(file)), args });

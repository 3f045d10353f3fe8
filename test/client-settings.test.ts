/** The documented settings of clients are those that `cortex connect` prints. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { renderClientSettings } from '../tools/client-settings.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOW = 'node tools/bun.mjs tools/client-settings.ts';

test(`docs/clients.md is up to date (else run: ${HOW})`, async () => {
  expect(readFileSync(join(ROOT, 'docs/clients.md'), 'utf8')).toBe(await renderClientSettings());
});

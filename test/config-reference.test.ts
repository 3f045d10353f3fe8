/** The configuration reference and the JSON schemas match what the programs read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { renderReference, renderSchemas } from '../tools/config-reference.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOW = 'node tools/bun.mjs tools/config-reference.ts';

test(`docs/configuration.md is up to date (else run: ${HOW})`, async () => {
  expect(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8')).toBe(await renderReference());
});

test(`config/*.schema.json are up to date (else run: ${HOW})`, async () => {
  for (const [name, text] of Object.entries(await renderSchemas())) {
    expect(readFileSync(join(ROOT, 'config', name), 'utf8')).toBe(text);
  }
});

/** The documented request fields match what the engine reads. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { renderRequestFields } from '../tools/request-fields.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOW = 'node tools/bun.mjs tools/request-fields.ts';

test(`docs/request-fields.md is up to date (else run: ${HOW})`, async () => {
  expect(readFileSync(join(ROOT, 'docs/request-fields.md'), 'utf8')).toBe(
    await renderRequestFields(),
  );
});

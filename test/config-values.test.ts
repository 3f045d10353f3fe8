/** A value of the wrong kind at any key is refused with its file, line and key, and never with a text of a library. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'bun:test';

import { ConfigError, type ConfigKey, listConfigKeys, loadConfig } from '@cortex/service';
import { type z } from 'zod';

import { GatewayConfig } from '../packages/gateway/src/config/gateway-config.ts';
import { ModelsConfig } from '../packages/gateway/src/config/models-config.ts';
import { NeuronConfig } from '../packages/neuron/src/config.ts';

const FILES: readonly { readonly name: string; readonly schema: z.ZodType }[] = [
  { name: 'cortex.toml', schema: GatewayConfig },
  { name: 'models.toml', schema: ModelsConfig },
  { name: 'neuron.toml', schema: NeuronConfig },
];

/** One value of each kind of TOML, and texts and numbers outside every limit. */
const VALUES = [
  '""',
  '" "',
  '"\\u0000"',
  '"a b"',
  '-1',
  '1e300',
  '0.5',
  'nan',
  'inf',
  'true',
  '2026-01-01',
  '[]',
  '[[]]',
  '[{}]',
  '[5]',
  '[""]',
  '[{ x = 1 }]',
  '{}',
  '{ x = 1 }',
  '{ "a b" = "x" }',
];

const folder = mkdtempSync(join(tmpdir(), 'cortex-config-values-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** `neurons[].name` = `5` → the lines of a file that sets it, the last one being that of the key. */
function linesOf({ key }: ConfigKey, value: string): string[] {
  const parts = key.replaceAll('.*', '.some').split('.');
  const lines = ['# the first line'];
  const tables = parts.slice(0, -1);
  for (const [index, part] of tables.entries()) {
    const path = tables
      .slice(0, index + 1)
      .map((name) => name.replace('[]', ''))
      .join('.');
    lines.push(part.endsWith('[]') ? `[[${path}]]` : `[${path}]`);
  }
  lines.push(`${parts.at(-1)} = ${value}`);
  return lines;
}

/** The problems of the file; none if it is accepted. */
function problemsOf(file: string, schema: z.ZodType): readonly string[] {
  try {
    loadConfig({ schema, file, env: {}, prefix: 'CORTEX_' });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
}

describe.each(FILES)('$name', ({ name, schema }) => {
  const file = join(folder, name);

  test.each(listConfigKeys(schema).map((entry) => [entry.key, entry] as const))(
    'with a wrong value of %s names the line of each problem once, in words of its own',
    (_, entry) => {
      for (const value of VALUES) {
        const lines = linesOf(entry, value);
        writeFileSync(file, `${lines.join('\n')}\n`);

        const problems = problemsOf(file, schema);
        const key = lines.at(-1)?.split(' ')[0];
        expect(problems.filter((problem) => problem.includes(`${key} `)).length).toBeLessThan(2);
        for (const problem of problems) {
          expect(problem).toMatch(new RegExp(`^${file}:[2-${lines.length}]: \\S`));
          expect(problem).not.toMatch(
            /Invalid|expected |received|undefined|valid (?:regex|starts)|must match|\[object|\0|did you mean/,
          );
        }
      }
    },
  );
});

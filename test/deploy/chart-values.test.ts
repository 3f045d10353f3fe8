/** values.yaml of the Helm chart, its schema and its README say the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'bun:test';
import { parse } from 'yaml';

import manifest from '../../package.json' with { type: 'json' };
import { listChartValues, README, renderChartReadme } from '../../tools/chart-reference.ts';
import { CHART } from './deploy-check.ts';

const read = (name: string): string => readFileSync(join(CHART, name), 'utf8');

test('the README of the chart is up to date (else run: node tools/bun.mjs tools/chart-reference.ts)', async () => {
  expect(readFileSync(README, 'utf8')).toBe(await renderChartReadme());
});

test('every value of the chart has a comment', () => {
  expect(listChartValues().length).toBeGreaterThan(50);
  expect(listChartValues().filter(({ about }) => about === '')).toEqual([]);
});

test('the schema of the values accepts the defaults, and refuses a misspelt value at every level', () => {
  const validate = new Ajv2020({ allowUnionTypes: true }).compile(
    JSON.parse(read('values.schema.json')),
  );
  const groups = new Set(
    listChartValues().map(({ path }) => path.split('.').slice(0, -1).join('.')),
  );

  expect(validate(parse(read('values.yaml')))).toBe(true);
  for (const group of groups) {
    const misspelt = group
      .split('.')
      .filter(Boolean)
      .reduceRight<unknown>((below, key) => ({ [key]: below }), { misspelt: 1 });
    expect({ group, isValid: validate(misspelt) }).toEqual({ group, isValid: false });
  }
});

test('chart and product have the same version', () => {
  expect(parse(read('Chart.yaml'))).toMatchObject({
    version: manifest.version,
    appVersion: manifest.version,
  });
});

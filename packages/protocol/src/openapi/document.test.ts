import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'bun:test';

import { gatewayOpenApi } from './gateway-operations.ts';
import { nodeOpenApi } from './node-operations.ts';

describe.each([
  ['cortex', gatewayOpenApi],
  ['neuron', nodeOpenApi],
])('the OpenAPI document of %s', (title, make) => {
  test('is valid, and says the version', async () => {
    const document: Record<string, unknown> = JSON.parse(JSON.stringify(make('1.2.3')));

    expect(await new Validator().validate(document)).toEqual({ valid: true });
    expect(document).toMatchObject({ openapi: '3.1.1', info: { title, version: '1.2.3' } });
  });

  test('has an id of its own, a tag and a summary for every operation', () => {
    const operations = Object.values(make('1').paths ?? {}).flatMap((item) => Object.values(item));
    const ids = operations.map(({ operationId }) => operationId);

    expect(new Set(ids).size).toBe(ids.length);
    for (const { tags, summary } of operations) {
      expect(tags).toHaveLength(1);
      expect(summary).toMatch(/^\S.*[^.]$/);
    }
  });

  test('names the shapes that occur more than once, each once', () => {
    const names = Object.keys(make('1').components?.schemas ?? {});

    expect(names).toContain('Error');
    expect(names).toContain('PullReport');
    expect(names.filter((name) => /Output$|^__/.test(name))).toEqual([]);
  });
});

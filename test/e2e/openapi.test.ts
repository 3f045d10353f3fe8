/** `GET /openapi.json` of both programs says what they answer. */
import { Validator } from '@seriousme/openapi-schema-validator';
import addFormats from 'ajv-formats';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

import { adminGet, ROOT, startUp, type Up } from './start-up.ts';

const MODEL = 'cortex-tiny';

const Answers = z.record(z.string(), z.looseObject({ content: z.record(z.string(), z.unknown()) }));
const Document = z.looseObject({
  paths: z.record(z.string(), z.record(z.string(), z.looseObject({ responses: Answers }))),
});

let up: Up;
beforeAll(async () => {
  up = await startUp();
});
afterAll(async () => {
  await up[Symbol.asyncDispose]();
});

/** The calls whose answers are read, with the values of their parameters. */
const READS = {
  cortex: {
    '/admin/v1/nodes': '/nodes',
    '/admin/v1/models': '/models',
    '/admin/v1/fleet': '/fleet',
    '/admin/v1/requests': '/requests',
    '/admin/v1/explain': `/explain?model=${MODEL}`,
    '/health': '',
    '/v1/models': '',
    '/v1/models/{id}': `/v1/models/${MODEL}`,
    '/openapi.json': '',
  },
  neuron: {
    '/version': '',
    '/discovery': '',
    '/health': '',
    '/models': '',
    '/openapi.json': '',
    '/models/{id}/capabilities': `/models/${MODEL}/capabilities`,
    '/models/{id}/endpoint': `/models/${MODEL}/endpoint`,
    '/models/{id}/logs': `/models/${MODEL}/logs`,
  },
} as const;

const documentOf = async (program: 'cortex' | 'neuron') =>
  Document.parse(
    await (await fetch(`${program === 'cortex' ? up.api : up.node}/openapi.json`)).json(),
  );

/** The answer of a program at `path`, with the key that it needs. */
async function read(program: 'cortex' | 'neuron', path: string, asked: string): Promise<unknown> {
  const isAdmin = path.startsWith('/admin/v1');
  const base = program === 'cortex' ? up.api : up.node;
  const response = await (isAdmin ? adminGet(up, asked) : fetch(`${base}${asked || path}`));
  expect([path, response.status]).toEqual([path, 200]);
  return response.json();
}

describe.each(['cortex', 'neuron'] as const)('the OpenAPI document of %s', (program) => {
  test('is valid', async () => {
    const document = await documentOf(program);

    expect(await new Validator().validate(document)).toEqual({ valid: true });
  });

  test('says what its reads answer', async () => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    addFormats(ajv);
    ajv.addSchema(await documentOf(program), 'document');
    // Requests are listed, and the model is loaded, once one was answered.
    await fetch(`${up.api}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], max_tokens: 1 }),
    });

    for (const [path, asked] of Object.entries(READS[program])) {
      const pointer = ['paths', path, 'get', 'responses', '200', 'content', 'application/json'];
      const place = pointer.map((part) => part.replaceAll('~', '~0').replaceAll('/', '~1'));
      const check = ajv.compile({ $ref: `document#/${place.join('/')}/schema` });
      check(await read(program, path, asked));
      expect([path, check.errors]).toEqual([path, null]);
    }
  });
});

/** The paths that hono is given in a file, in the form of OpenAPI. */
const routesIn = (file: string): string[] =>
  [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(
      /(?:app\.(?:get|post|delete)|get)\(\s*'(\/[^']+)'/g,
    ),
  ].map(([, path = '']) => path.replaceAll(/:(\w+)(?:\{\.\+\})?/g, '{$1}'));

test('the document of cortex has every route of the admin API', async () => {
  const { paths } = await documentOf('cortex');
  const routes = [
    ...routesIn('packages/gateway/src/admin/admin-routes.ts'),
    ...routesIn('packages/gateway/src/admin/join-routes.ts'),
  ];

  expect(routes.length).toBeGreaterThan(10);
  expect(
    Object.keys(paths)
      .filter((path) => path.startsWith('/admin/'))
      .sort(),
  ).toEqual([...new Set(routes)].sort());
});

test('the document of neuron has every route but those for inference', async () => {
  const { paths } = await documentOf('neuron');
  const routes = routesIn('packages/neuron/src/api/app.ts');
  const tokens = ['/tokenize', '/detokenize', '/apply-template', '/count-tokens'];

  expect(Object.keys(paths).sort()).toEqual([...new Set([...routes, ...tokens])].sort());
});

/** The compose files: `docker compose up` without an edit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadGatewayConfig } from '@cortex/gateway';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';
import { parse } from 'yaml';
import { z } from 'zod';

import { DEPLOY, deployCheck, isBuilt } from './deploy-check.ts';

const folder = join(DEPLOY, 'container');
const file = (name: string): string => join(folder, name);

const Service = z.looseObject({
  image: z.string(),
  read_only: z.boolean(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  user: z.string().optional(),
  privileged: z.undefined().optional(),
  command: z.array(z.string()).nullish(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.unknown()).default([]),
  tmpfs: z.array(z.string()).default([]),
  volumes: z.array(z.unknown()),
  depends_on: z.record(z.string(), z.looseObject({ condition: z.string() })).default({}),
});
const Project = z.looseObject({ services: z.record(z.string(), Service) });
type Service = z.infer<typeof Service>;

const { services } = Project.parse(
  parse(readFileSync(file('compose.yaml'), 'utf8'), { merge: true }),
);
const service = (name: string): Service => Service.parse(services[name]);

test('every service has a read-only root file system, no capabilities and no new privileges', () => {
  expect(Object.keys(services).toSorted()).toEqual(['cortex', 'neuron', 'node-token']);
  for (const each of Object.values(services)) {
    expect(each.read_only).toBe(true);
    expect(each.cap_drop).toEqual(['ALL']);
    expect(each.security_opt).toEqual(['no-new-privileges:true']);
    expect(each.image).not.toMatch(/:latest|^[^:]*$/);
  }
});

test('gateway and node keep their state in a volume, their temporary files in memory, and run as the user of the image', () => {
  for (const name of ['cortex', 'neuron']) {
    const { volumes, tmpfs, user } = service(name);
    expect(volumes).toContain(`${name}-state:/var/lib/${name}`);
    expect(tmpfs).toEqual(['/tmp']);
    expect(user).toBeUndefined();
  }
});

test('only the gateway has a port on the host, on the loopback address unless CORTEX_ADDRESS is set', () => {
  expect(service('cortex').ports).toEqual(['${CORTEX_ADDRESS:-127.0.0.1}:31313:31313']);
  expect(service('neuron').ports).toEqual([]);
});

test('gateway and node read the same token, which is made once before they start', () => {
  const token = temporaryFolder('node-token');
  const [script = ''] = service('node-token').command ?? [];
  // As Compose replaces $$ by $.
  const make = (): string => {
    const run = Bun.spawnSync([
      '/bin/sh',
      '-euc',
      script.replaceAll('$$', '$').replaceAll('/run/node-token', token),
    ]);
    expect(run.exitCode).toBe(0);
    return readFileSync(join(token, 'token'), 'utf8');
  };

  const first = make();

  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(make()).toBe(first);
  expect(service('cortex').environment['CORTEX_AUTH__NODE_TOKEN_FILE']).toBe(
    '/run/node-token/token',
  );
  expect(service('neuron').environment['NEURON_SECURITY__NODE_TOKEN_FILE']).toBe(
    '/run/node-token/token',
  );
  for (const name of ['cortex', 'neuron'])
    expect(service(name).depends_on).toEqual({
      'node-token': { condition: 'service_completed_successfully' },
    });
});

test('the gateway has the node in its list', () => {
  const env = { CORTEX_NEURONS: service('cortex').environment['CORTEX_NEURONS'] };

  const { neurons } = loadGatewayConfig({ file: undefined, env }).config.value;

  expect(neurons).toMatchObject([{ name: 'neuron', endpoint: 'http://neuron:13131' }]);
});

describe.skipIf(!isBuilt)(
  'docker compose (needs node tools/deploy-check.mjs, which needs Go)',
  () => {
    test.each([
      { more: [], variant: 'cpu' },
      { more: ['compose.cuda.yaml'], variant: 'cuda' },
      { more: ['compose.vulkan.yaml'], variant: 'vulkan' },
    ])('accepts compose.yaml with $more, and builds the variant $variant', ({ more, variant }) => {
      const read = deployCheck('compose', ...['compose.yaml', ...more].map(file));

      expect(JSON.parse(read)).toMatchObject({
        services: {
          neuron: { image: `neuron:0.1.0-${variant}`, build: { args: { VARIANT: variant } } },
        },
      });
    });

    test('gives the node all NVIDIA GPUs with compose.cuda.yaml, and the GPUs of /dev/dri with compose.vulkan.yaml', () => {
      const read = (name: string): unknown =>
        JSON.parse(deployCheck('compose', file('compose.yaml'), file(name)));

      expect(read('compose.cuda.yaml')).toMatchObject({
        services: {
          neuron: {
            group_add: ['10000'],
            deploy: {
              resources: {
                reservations: { devices: [{ driver: 'nvidia', count: -1, capabilities: ['gpu'] }] },
              },
            },
          },
        },
      });
      expect(read('compose.vulkan.yaml')).toMatchObject({
        services: {
          neuron: {
            group_add: ['10000', '105'],
            devices: [{ source: '/dev/dri', target: '/dev/dri' }],
          },
        },
      });
    });
  },
);

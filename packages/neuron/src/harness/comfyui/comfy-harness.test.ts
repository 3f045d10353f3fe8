import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger, ticker } from '@cortex/service';
import { FakeComfy } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterAll } from 'bun:test';

import { harnessConformance } from '../conformance/index.ts';
import { EndpointServer } from '../external/endpoint-server.ts';
import { ComfyHarness } from './comfy-harness.ts';

const OWN_URL = 'http://127.0.0.1:13131';
const comfy = new FakeComfy();
afterAll(() => comfy[Symbol.dispose]());

const workflows = temporaryFolder('workflows');
for (const id of ['m', 'second', 'third', 'fourth', 'fifth']) {
  const nodes = { 3: { class_type: 'KSampler', inputs: { text: '${prompt}' } } };
  writeFileSync(join(workflows, `${id}.json`), JSON.stringify(nodes));
}

harnessConformance(
  'ComfyUI',
  async () => ({
    harness: new ComfyHarness({
      name: 'comfy',
      server: new EndpointServer({
        upstream: { harness: 'comfy', url: comfy.url, headers: {} },
        readyPath: '/system_stats',
        startupTimeoutMs: 1000,
        clock: { nowMs: () => 0, elapsedMs: () => 0 },
        every: (everyMs, run) => ticker.every(everyMs, run),
        log: createLogger({ name: 'test', level: 'fatal' }),
      }),
      isOwn: false,
      workflows,
      ownUrl: () => OWN_URL,
    }),
    modelPath: join(workflows, 'm.json'),
    ownUrl: OWN_URL,
  }),
  'images',
);

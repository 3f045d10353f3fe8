/** The images of the gateway and of a node, made by the steps of their Containerfiles and run as Compose runs them. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import {
  buildImage,
  type BuiltImage,
  Containers,
  debootstrap,
  missing,
  processOne,
} from './image-root.ts';

const reason = missing();
const Status = z.looseObject({
  health: z.looseObject({ nodes: z.object({ healthy: z.int(), total: z.int() }) }),
});

describe.skipIf(reason !== undefined)(
  'images in namespaces (needs SCALE=1, root, npm run build and mmdebstrap)',
  () => {
    let folder: string;
    let images: Record<'cortex' | 'neuron', BuiltImage>;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'images-'));
      chmodSync(folder, 0o755);
      const debian = join(folder, 'debian');
      debootstrap(debian);
      images = {
        cortex: buildImage('cortex', folder, debian),
        neuron: buildImage('neuron', folder, debian),
      };
    }, 300_000);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    /** A new volume of an image, with the token that both share. */
    function volume({ name, user }: BuiltImage): string {
      const state = join(folder, `${name}-${crypto.randomUUID()}`);
      const [uid = 0, gid = 0] = user.split(':').map(Number);
      mkdirSync(state, { mode: 0o700 });
      writeFileSync(join(state, 'token'), 'shared-token\n', { mode: 0o600 });
      for (const path of [state, join(state, 'token')]) chownSync(path, uid, gid);
      return state;
    }
    const NODE = { NEURON_SECURITY__NODE_TOKEN_FILE: '/var/lib/neuron/token' };
    const GATEWAY = {
      CORTEX_AUTH__NODE_TOKEN_FILE: '/var/lib/cortex/token',
      CORTEX_NEURONS: '[{ name = "neuron", endpoint = "http://127.0.0.1:13131" }]',
    };

    test('gateway and node become healthy by their own checks, answer with the demonstration model, and end on SIGTERM', async () => {
      using containers = await Containers.open();
      const { cortex, neuron } = images;
      const states = { cortex: volume(cortex), neuron: volume(neuron) };
      const node = containers.start(neuron, states.neuron, { env: NODE });
      const gateway = containers.start(cortex, states.cortex, { env: GATEWAY });
      const until = async (isSo: () => Promise<boolean>): Promise<void> => {
        while (!(await isSo())) {
          for (const container of [node, gateway])
            if (container.exitCode !== null)
              throw new Error(await new Response(container.stderr).text());
          await Bun.sleep(100);
        }
      };

      await until(
        async () =>
          (await containers.run(neuron, states.neuron, neuron.healthCheck, NODE)).code === 0,
      );
      await until(
        async () => (await containers.run(cortex, states.cortex, cortex.healthCheck)).code === 0,
      );
      await until(async () => {
        const { text } = await containers.run(cortex, states.cortex, [
          '/usr/bin/cortex',
          'status',
          '--json',
        ]);
        return Status.parse(JSON.parse(text)).health.nodes.healthy === 1;
      });
      const load = await containers.run(cortex, states.cortex, [
        '/usr/bin/cortex',
        'load',
        'cortex-tiny',
      ]);

      expect(load).toMatchObject({ code: 0 });
      for (const container of [gateway, node]) {
        const first = processOne(container);
        expect(readFileSync(`/proc/${first}/comm`, 'utf8')).toBe('tini\n');
        process.kill(first, 'SIGTERM');
        expect(await container.exited).toBe(0);
      }
    }, 120_000);

    test.each(['cortex', 'neuron'] as const)(
      '%s runs without root, without capabilities, and cannot write beside its volume and /tmp',
      async (name) => {
        using containers = await Containers.open();
        const image = images[name];
        const script =
          'id -u; grep CapBnd /proc/self/status; touch /tmp/a ~/a && ! touch /usr/a /etc/a';

        const { code, text } = await containers.run(image, volume(image), [
          '/bin/sh',
          '-c',
          script,
        ]);

        expect(code).toBe(0);
        expect(text.split('\n').slice(0, 2)).toEqual([
          image.user.split(':')[0] ?? '',
          'CapBnd:\t0000000000000000',
        ]);
        expect(text).toContain('Read-only file system');
      },
      30_000,
    );

    test('a node without a token says what to set, and its health check fails', async () => {
      using containers = await Containers.open();
      const { neuron } = images;
      const state = volume(neuron);

      const start = await containers.run(neuron, state, neuron.command);
      const health = await containers.run(neuron, state, neuron.healthCheck, NODE);

      expect(start.code).toBe(1);
      expect(start.text).toContain('set security.node_token_file');
      expect(health).toMatchObject({
        code: 1,
        text: 'neuron: no neuron answers at http://127.0.0.1:13131\n',
      });
    }, 30_000);
  },
);

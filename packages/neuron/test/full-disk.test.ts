/** `state_dir` and `models_dir` on a disk without space: a real one, a small file system in memory. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, onTestFinished, test } from 'bun:test';

import { noPauses, PullFixture, REPO, TINY } from './pull-fixture.ts';
import { TestNeuron } from './test-neuron.ts';

/** Mounts a small file system; undefined without the right to. It is unmounted after the test. */
function smallDisk(size = '128k'): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'neuron-disk-'));
  const { exitCode } = Bun.spawnSync([
    'mount',
    '-t',
    'tmpfs',
    '-o',
    `size=${size}`,
    'disk',
    folder,
  ]);
  onTestFinished(() => {
    Bun.spawnSync(['umount', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  if (exitCode !== 0) return undefined;
  return folder;
}

/** Fills it to the last byte. */
function fill(folder: string): string {
  const path = join(folder, 'full');
  try {
    for (let size = 0; size < 1 << 20; size += 4096)
      writeFileSync(path, Buffer.alloc(4096), { flag: 'a' });
  } catch {
    // No space left.
  }
  return path;
}

const canMount = ((): boolean => {
  const { exitCode } = Bun.spawnSync(['unshare', '-m', 'mount', '-t', 'tmpfs', 'disk', '/mnt']);
  return exitCode === 0;
})();

const FLAGS = { 'engine.state_disk_mb': 64 };

describe('a state folder on a full disk', () => {
  test.skipIf(!canMount)(
    'prevents neither start, load, answer nor unload, leaves no half-written file, and is used again when there is space (needs root)',
    async () => {
      const state = smallDisk();
      if (state === undefined) throw new Error('cannot mount');
      const filler = fill(state);
      await using neuron = await TestNeuron.start({ flags: { ...FLAGS, state_dir: state } });

      await neuron.load();
      const answer = await neuron.chat({ max_tokens: 2 });
      const unloaded = await neuron.post('/models/unload', { model_id: 'tiny' });
      const left = readdirSync(state, { recursive: true }).map(String);
      rmSync(filler);
      await neuron.load();

      expect([answer.status, unloaded.status]).toEqual([200, 200]);
      expect(left.filter((name) => name.endsWith('.new'))).toEqual([]);
      expect(readdirSync(join(state, 'engines')).length).toBeGreaterThan(0);
      expect((await neuron.model()).status).toBe('loaded');
    },
    60_000,
  );
});

test.skipIf(!canMount)(
  'a pull that fills the disk fails with the folder that is full, and goes on when there is space (needs root)',
  async () => {
    const disk = smallDisk('1m');
    if (disk === undefined) throw new Error('cannot mount');
    const call = { model_id: 'm', source: `hf:${REPO}` };
    await using fixture = await PullFixture.start({
      flags: { models_dir: disk },
      // Other programs fill the disk after the pull has checked it.
      pulls: noPauses({ freeBytes: () => Promise.resolve(1e9) }).pulls,
    });

    const full = await fixture.pulled(call);
    const listed = await fixture.neuron.model('m');
    Bun.spawnSync(['mount', '-o', 'remount,size=16m', disk]);
    const done = await fixture.pulled(call);

    expect(full).toMatchObject({ status: 'failed' });
    expect(full.error).toContain(`${disk}/models--org--tiny-GGUF/blobs has no space left`);
    expect(listed).toMatchObject({ status: 'failed', on_disk: false });
    expect(done).toMatchObject({ status: 'done', bytes_done: TINY.length });
    const [, second] = fixture.hub.requestsOf('cdn');
    expect(second?.headers.get('range')).toMatch(/^bytes=[1-9]\d+-$/);
  },
  60_000,
);

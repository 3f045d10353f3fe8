/** The commonest fleet: one machine that can hold one of two models. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'bun:test';
import { z } from 'zod';

import { askStream, GOOD_ANSWER } from './ask.ts';
import { ROOT, startUp, type Up, Workspace } from './start-up.ts';

const Estimate = z.object({ ram_mb: z.number() });

const MODELS = ['first', 'second'] as const;
const modelsToml = MODELS.map(
  (id) => `[[models]]\nid = "${id}"\ncontext_length = 2048\nslots = 2\n`,
).join('\n');
/** Turns of a second, so that the test sees many; idle models are not held for a conversation. */
const cortexToml = '[eviction]\nmin_residency_s = 1\n\n[queue]\nstarve_s = 3\nhold_s = 0\n';

function workspaceWithModels(): Workspace {
  const workspace = new Workspace();
  const tiny = join(ROOT, 'models/cortex-tiny.gguf');
  for (const id of MODELS) copyFileSync(tiny, join(workspace.modelsDir, `${id}.gguf`));
  return workspace;
}

/** MiB that each of the models needs on this machine. */
async function needMib(): Promise<number> {
  await using up = await startUp({ workspace: workspaceWithModels() });
  const settings = { context_length: 2048, slots: 2 };
  const response = await fetch(`${up.node}/models/first/estimate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(settings),
  });
  return Estimate.parse(await response.json()).ram_mb;
}

/** One client of one model, who asks again as soon as it has its answer. */
async function converse(up: Up, model: string): Promise<readonly string[]> {
  const texts: string[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    const report = await askStream(up.api, { model });
    expect(report.error).toBeUndefined();
    expect(report.hasDone).toBe(true);
    texts.push(report.text);
  }
  return texts;
}

const countOf = (text: string, part: RegExp): number => text.match(part)?.length ?? 0;

test('one machine with room for one of two models serves both, in turns, without an error', async () => {
  const cpuMemoryMib = Math.ceil(1.5 * (await needMib()));
  await using up = await startUp({
    workspace: workspaceWithModels(),
    cortexToml,
    modelsToml,
    neuronToml: `[devices]\ncpu_memory_mb = ${cpuMemoryMib}\n`,
  });

  const [first, second] = await Promise.all(MODELS.map((model) => converse(up, model)));

  for (const text of [...(first ?? []), ...(second ?? [])]) expect(text).toMatch(GOOD_ANSWER);
  const loads = countOf(up.program.output, /"msg":"loaded"|\bloaded\b/g);
  // Eight requests in turns of several: far fewer loads than requests.
  expect(loads).toBeGreaterThanOrEqual(2);
}, 60_000);

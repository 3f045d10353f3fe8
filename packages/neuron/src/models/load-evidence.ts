/** The files that a load depends on. A remembered failure is valid while none of them has changed. */
import { stat } from 'node:fs/promises';

import type { LoadModelRequest } from '@cortex/protocol';

import { findAdapters, findNamedDraft, toFileRequest } from './harness-files.ts';
import { toLoadSettings } from '../harness/load-settings.ts';
import type { ModelFiles } from '../store/model-store.ts';

/**
 * The state of every file that a load call names, as text. Equal while no file was replaced, added, removed or made
 * readable.
 */
export async function fileEvidence(store: ModelFiles, request: LoadModelRequest): Promise<string> {
  const settings = toLoadSettings(request);
  const states = await Promise.all([
    stateOf(async () => {
      const { path, fingerprint, draft = '' } = await store.find(toFileRequest(request));
      return `${fingerprint} ${draft} ${await stateOfFile(path)}`;
    }),
    stateOf(async () => {
      const adapters = await findAdapters(store, settings);
      return (await Promise.all(adapters.map(({ path }) => stateOfFile(path)))).join(' ');
    }),
    stateOf(async () => {
      const draft = await findNamedDraft(store, settings);
      return draft?.kind === 'model' ? stateOfFile(draft.modelPath) : '';
    }),
  ]);
  return states.join('\n');
}

/** The reason why a file is missing is part of the state. */
const stateOf = (find: () => Promise<string>): Promise<string> =>
  find().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));

async function stateOfFile(path: string): Promise<string> {
  const { size, mtimeMs, ctimeMs, ino } = await stat(path);
  return [path, size, mtimeMs, ctimeMs, ino].join(':');
}

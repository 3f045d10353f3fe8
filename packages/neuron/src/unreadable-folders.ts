import { readdirSync } from 'node:fs';

import { keyError, type LoadedConfig, systemReason } from '@cortex/service';

import type { NeuronConfig } from './config.ts';

/** Why `folder` cannot be listed; undefined if it can. */
function problemOf(folder: string): string | undefined {
  try {
    readdirSync(folder);
    return undefined;
  } catch (error) {
    return systemReason(error);
  }
}

/** One warning for each models folder of the configuration that cannot be listed. neuron serves the others. */
export function unreadableFolders({ value, origins }: LoadedConfig<NeuronConfig>): string[] {
  const folders = [
    { key: 'models_dir', folder: value.models_dir },
    ...value.models_dirs.map((folder) => ({ key: 'models_dirs', folder })),
  ];
  return folders.flatMap(({ key, folder }) => {
    const reason = problemOf(folder);
    if (reason === undefined) return [];
    const message = `${folder} cannot be read: ${reason}; neuron serves no model from it`;
    return [keyError(origins, key, { message }).message];
  });
}

/** What a llama-server can do, as its `--help` says. */
import { realpathSync, statSync } from 'node:fs';

import { runCommand } from '../devices/run-command.ts';

/** Whether a help text lists drafting with the prediction layers of a model (MTP). */
export function listsMtp(help: string): boolean {
  const [, types = ''] = /^\s*--spec-type\s+(\S+)/m.exec(help) ?? [];
  return types.split(/[^a-z0-9-]+/).includes('draft-mtp');
}

/** Equal while the program is not replaced. */
function versionOf(path: string): string {
  const real = realpathSync(path);
  const { size, mtimeMs } = statSync(real);
  return `${real}:${size}:${mtimeMs}`;
}

/** The help text; undefined if the program does not print one, or not in time. */
async function readHelp(path: string): Promise<string | undefined> {
  const result = await runCommand(path, ['--help']);
  return result?.code === 0 ? result.stdout : undefined;
}

export class ServerHelp {
  #known: { readonly version: string; readonly isListed: boolean } | undefined;

  /** As `listsMtp`; false if the program does not say. Asks a program once. */
  async listsMtp(path: string): Promise<boolean> {
    try {
      const version = versionOf(path);
      if (this.#known?.version === version) return this.#known.isListed;
      const help = await readHelp(path);
      if (help === undefined) return false;
      this.#known = { version, isListed: listsMtp(help) };
      return this.#known.isListed;
    } catch {
      // It was removed meanwhile, or is not a program.
      return false;
    }
  }
}

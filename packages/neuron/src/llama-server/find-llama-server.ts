/** The `llama-server` of this machine (behaviour 26b). */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

export type LlamaServer =
  | { readonly kind: 'found'; readonly path: string }
  /** It is there and is not run. */
  | { readonly kind: 'refused'; readonly path: string; readonly reason: string }
  | { readonly kind: 'none' };

export interface LlamaServerPlaces {
  /** `[engine] llama_server`: its path; empty: none is used; absent: it is looked for. */
  readonly configured: string | undefined;
  readonly stateDir: string;
  /** `PATH`. */
  readonly searchPath: string;
}

/** Where `neuron build llama-server` puts it. */
export const builtServerPath = (stateDir: string): string => join(stateDir, 'bin', 'llama-server');

const OTHERS_WRITE = 0o002;
const GROUP_WRITES = 0o020;
const STICKY = 0o1000;
const ROOT = 0;

/** Why somebody else could replace what is there; undefined if nobody could. */
function openTo(path: string): string | undefined {
  const { mode, uid, gid } = statSync(path);
  const own = process.getuid?.();
  if (uid !== ROOT && uid !== own) return `${path} belongs to another user`;
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) return `everybody may write to ${path}`;
  const isForeignGroup = gid !== ROOT && gid !== process.getgid?.();
  return (mode & GROUP_WRITES) !== 0 && isForeignGroup ? `a group may write to ${path}` : undefined;
}

/** A program that others may write to would run their code with the rights of neuron. */
function judge(path: string): LlamaServer {
  try {
    accessSync(path, constants.X_OK);
    const real = realpathSync(path);
    if (!statSync(real).isFile()) return { kind: 'none' };
    for (const place of [real, dirname(real), path, dirname(path)]) {
      const reason = openTo(place);
      if (reason !== undefined) return { kind: 'refused', path, reason };
    }
    return { kind: 'found', path };
  } catch {
    // It does not exist, or this user may not run it.
    return { kind: 'none' };
  }
}

/** The configured one, else the one in `state_dir/bin`, else the first on the `PATH`. */
export function findLlamaServer(places: LlamaServerPlaces): LlamaServer {
  const { configured, stateDir, searchPath } = places;
  if (configured === '') return { kind: 'none' };
  if (configured !== undefined) {
    const found = judge(configured);
    if (found.kind !== 'none') return found;
    return { kind: 'refused', path: configured, reason: 'it is not a program that neuron can run' };
  }
  const onPath = Bun.which('llama-server', { PATH: searchPath });
  let refused: LlamaServer = { kind: 'none' };
  for (const path of [builtServerPath(stateDir), onPath]) {
    const found: LlamaServer = path === null ? { kind: 'none' } : judge(path);
    if (found.kind === 'found') return found;
    if (refused.kind === 'none') refused = found;
  }
  return refused;
}

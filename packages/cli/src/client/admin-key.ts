import { readdirSync, readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { CliError } from '../cli-error.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The state folder of the installed service. */
const SERVICE_STATE_DIR = '/var/lib/cortex';
/** The file in the run folder of `cortex up` that contains the path of its gateway's admin key. */
export const KEY_POINTER = 'admin-key-file';

export interface AdminKeySource {
  /** `--key-file`. */
  readonly keyFile?: string | undefined;
  readonly env: Env;
  /** The state folder of this user. */
  readonly stateDir: () => string;
  /** Base URL of the gateway. */
  readonly url: string;
}

/** Admin keys for one gateway, the most likely first, and the places that were searched. */
export interface AdminKeys {
  readonly keys: readonly string[];
  /** One phrase per place, with the reason if it has no usable key. */
  readonly tried: readonly string[];
}

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'no such file or folder'],
  ['EACCES', 'permission denied'],
  ['EISDIR', 'it is a folder'],
]);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return REASONS.get(code) ?? (error instanceof Error ? error.message : String(error));
}

/** A key is sent in a header. */
const isKey = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);
const NOT_A_KEY = 'it must hold one line of visible ASCII without spaces';

/** The key for the APIs for clients: `CORTEX_API_KEY`; undefined without it. @throws CliError if it cannot be used */
export function readApiKey(env: Env): string | undefined {
  const key = env['CORTEX_API_KEY']?.trim() || undefined;
  if (key === undefined || isKey(key)) return key;
  throw new CliError(`CORTEX_API_KEY cannot be used: ${NOT_A_KEY}`);
}

/** The key in `file`, or why it has none. */
function readKey(file: string): { readonly key: string } | { readonly reason: string } {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key === '') return { reason: 'it is empty' };
    return isKey(key) ? { key } : { reason: NOT_A_KEY };
  } catch (error) {
    return { reason: reasonOf(error) };
  }
}

function readNamed(file: string, by: string): AdminKeys {
  const read = readKey(file);
  if ('key' in read) return { keys: [read.key], tried: [`${by} (${file})`] };
  throw new CliError(`${by}: ${file} cannot be used: ${read.reason}`);
}

/** Whether every address of the URL's host is one of this machine's. */
async function isThisMachine(url: string): Promise<boolean> {
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []),
  );
  try {
    const found = await lookup(host, { all: true });
    return found.every(({ address }) => own.has(address) || /^127\.|^::1$/.test(address));
  } catch {
    // The call itself reports an unknown name.
    return false;
  }
}

/** Admin key files of this user's runs of `cortex up`. */
function keyFilesOfRuns(stateDir: string): readonly string[] {
  const runs = join(stateDir, 'up');
  try {
    return readdirSync(runs).flatMap((run) => {
      const pointer = readKeyPointer(join(runs, run, KEY_POINTER));
      return pointer === undefined ? [] : [pointer];
    });
  } catch {
    // This user has no run.
    return [];
  }
}

function readKeyPointer(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    // The run is still starting or has ended.
    return undefined;
  }
}

/**
 * The keys for the admin API of the gateway at `url` (contracts, section 1): from `--key-file`, `CORTEX_ADMIN_KEY`
 * or `CORTEX_ADMIN_KEY_FILE`, otherwise from the state folders of this machine. The latter are sent only to this
 * machine.
 *
 * @throws CliError if a named file or `CORTEX_ADMIN_KEY` cannot be used
 */
export async function findAdminKeys({
  keyFile,
  env,
  url,
  ...source
}: AdminKeySource): Promise<AdminKeys> {
  if (keyFile !== undefined) return readNamed(keyFile, '--key-file');
  const given = env['CORTEX_ADMIN_KEY']?.trim();
  if (given && !isKey(given)) throw new CliError(`CORTEX_ADMIN_KEY cannot be used: ${NOT_A_KEY}`);
  if (given) return { keys: [given], tried: ['CORTEX_ADMIN_KEY'] };
  const named = env['CORTEX_ADMIN_KEY_FILE'];
  if (named) return readNamed(named, 'CORTEX_ADMIN_KEY_FILE');

  const tried = ['--key-file, CORTEX_ADMIN_KEY, CORTEX_ADMIN_KEY_FILE (not set)'];
  if (!(await isThisMachine(url))) {
    return {
      keys: [],
      tried: [...tried, 'not the keys of this machine, because the URL names another machine'],
    };
  }
  const stateDir = source.stateDir();
  const files = new Set([
    ...keyFilesOfRuns(stateDir),
    ...[stateDir, SERVICE_STATE_DIR].map((folder) => join(folder, 'admin.key')),
  ]);
  const keys = new Set<string>();
  for (const file of files) {
    const read = readKey(file);
    if ('key' in read) keys.add(read.key);
    tried.push('key' in read ? file : `${file} (${read.reason})`);
  }
  return { keys: [...keys], tried };
}

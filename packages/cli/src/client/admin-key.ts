import { readdirSync, readFileSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

import { CliError } from '../cli-error.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The state folder of the installed service. */
const SERVICE_STATE_DIR = '/var/lib/cortex';
/** What `cortex up` writes into its run folder: the path of the key that its gateway uses. */
export const KEY_POINTER = 'admin-key-file';

export interface AdminKeySource {
  /** `--key-file`. */
  readonly keyFile?: string | undefined;
  readonly env: Env;
  /** The state folder of this user. */
  readonly stateDir: () => string;
  /** Base URL of the gateway that gets the key. */
  readonly url: string;
}

/** Admin keys for one gateway, the likeliest first, and where they were looked for. */
export interface AdminKeys {
  readonly keys: readonly string[];
  /** One phrase for each place, with what was wrong there. */
  readonly tried: readonly string[];
}

const REASONS: ReadonlyMap<unknown, string> = new Map([
  ['ENOENT', 'no such file'],
  ['EACCES', 'this user may not read it'],
  ['EISDIR', 'it is a folder'],
]);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return REASONS.get(code) ?? (error instanceof Error ? error.message : String(error));
}

/** The key in `file`, or why there is none. */
function readKey(file: string): { readonly key: string } | { readonly reason: string } {
  try {
    const key = readFileSync(file, 'utf8').trim();
    if (key === '') return { reason: 'it is empty' };
    return /^[\x21-\x7e]+$/.test(key) ? { key } : { reason: 'it does not hold one key' };
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
    // An unknown name is reported by the call itself.
    return false;
  }
}

/** Key files of the runs of `cortex up` of this user. */
function keyFilesOfRuns(stateDir: string): readonly string[] {
  const runs = join(stateDir, 'up');
  try {
    return readdirSync(runs).flatMap((run) => {
      const pointer = readKeyPointer(join(runs, run, KEY_POINTER));
      return pointer === undefined ? [] : [pointer];
    });
  } catch {
    // No run of this user.
    return [];
  }
}

function readKeyPointer(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim() || undefined;
  } catch {
    // The run is starting, or ended meanwhile.
    return undefined;
  }
}

/**
 * The keys for the admin API of the gateway at `url` (contracts, section 1): from `--key-file`, `CORTEX_ADMIN_KEY`,
 * `CORTEX_ADMIN_KEY_FILE`, else from the state folders of this machine. Those are sent to this machine only.
 *
 * @throws CliError when a file that was named cannot be read
 */
export async function findAdminKeys({
  keyFile,
  env,
  url,
  ...source
}: AdminKeySource): Promise<AdminKeys> {
  if (keyFile !== undefined) return readNamed(keyFile, '--key-file');
  const given = env['CORTEX_ADMIN_KEY']?.trim();
  if (given) return { keys: [given], tried: ['CORTEX_ADMIN_KEY'] };
  const named = env['CORTEX_ADMIN_KEY_FILE'];
  if (named) return readNamed(named, 'CORTEX_ADMIN_KEY_FILE');

  const tried = ['--key-file, CORTEX_ADMIN_KEY, CORTEX_ADMIN_KEY_FILE (not set)'];
  if (!(await isThisMachine(url))) {
    return { keys: [], tried: [...tried, 'not the keys of this machine: the URL is of another'] };
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

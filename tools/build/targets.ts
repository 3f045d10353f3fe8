/** The machines for which there are programs. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Packages of npm for each: the runtime, and the engine's library with its kernels. */
export const PACKAGES = {
  'linux-x64': {
    bun: '@oven/bun-linux-x64',
    library: {
      cpu: ['linux-x64'],
      gpu: ['linux-x64-cuda', 'linux-x64-cuda-ext', 'linux-x64-vulkan'],
    },
  },
  'linux-arm64': { bun: '@oven/bun-linux-aarch64', library: { cpu: ['linux-arm64'], gpu: [] } },
} as const;

export type Target = keyof typeof PACKAGES;

export const isTarget = (name: string): name is Target => name in PACKAGES;
export const TARGETS: readonly Target[] = Object.keys(PACKAGES).filter(isTarget);

export interface LockedPackage {
  readonly version: string;
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** package-lock.json: packages by their path. */
export function lockedPackages(root: string): Readonly<Record<string, LockedPackage>> {
  return JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
}

/** The runtime for a target. The install script of `bun` moves the one for this machine out of its package. */
export function bunFor(root: string, target: Target): string {
  const installed = join(root, 'node_modules/bun/bin/bun.exe');
  if (target === `${process.platform}-${process.arch}` && existsSync(installed)) return installed;
  return join(platformPackage(root, PACKAGES[target].bun, 'bin/bun'), 'bin/bun');
}

/**
 * The folder of a package for some platform: what npm has installed, else a download that is checked against the lock
 * file and kept in .cache.
 *
 * @param file - One that it has.
 */
export function platformPackage(root: string, name: string, file = 'package.json'): string {
  const installed = join(root, 'node_modules', name);
  if (existsSync(join(installed, file))) return installed;
  const { version, integrity } = lockedPackages(root)[`node_modules/${name}`] ?? {};
  if (version === undefined) throw new Error(`${name} is not in package-lock.json`);
  const folder = join(root, '.cache', 'packages', `${name.replace('/', '-')}-${version}`);
  if (existsSync(folder)) return folder;
  const draft = `${folder}.new`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { recursive: true });
  console.log(`downloading ${name}@${version}`);
  const packed = Bun.spawnSync(['npm', 'pack', '--silent', `${name}@${version}`], {
    cwd: draft,
    stderr: 'inherit',
  });
  const archive = join(draft, packed.stdout.toString().trim());
  if (!packed.success || !existsSync(archive)) throw new Error(`npm could not download ${name}`);
  checkIntegrity(name, readFileSync(archive), integrity);
  const unpacked = Bun.spawnSync(['tar', '-xzf', archive, '--strip-components=1'], { cwd: draft });
  if (!unpacked.success)
    throw new Error(`${archive} cannot be unpacked: ${unpacked.stderr.toString()}`);
  rmSync(archive);
  renameSync(draft, folder);
  return folder;
}

function checkIntegrity(name: string, bytes: Uint8Array, integrity: string | undefined): void {
  const found = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  if (integrity !== found)
    throw new Error(`${name}: the download is ${found}, package-lock.json says ${integrity}`);
}

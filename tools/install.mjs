#!/usr/bin/env node
/**
 * Installs the product without the parts that a host does not need, at the exact versions of package-lock.json.
 *
 *   node tools/install.mjs --cpu       the engine without its GPU binaries
 *   node tools/install.mjs --gateway   no engine: cortex routes to neurons on other hosts
 *
 * Both omit development dependencies. Plain Node, because it runs before anything is installed.
 *
 * npm's own `--omit=optional` cannot do this: Bun's binary is an optional dependency as well. So the lock
 * file is copied without the unwanted packages into a separate folder, `npm ci` runs there, and the
 * resulting node_modules moves into place.
 */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENGINE_BINDING = 'node-llama-cpp';
const GPU_BINARY = /^@node-llama-cpp\/.*(cuda|vulkan)/;

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The packages that each kind of host omits, by name. */
const VARIANTS = {
  '--cpu': { label: 'CPU-only', isUnwanted: (name) => GPU_BINARY.test(name) },
  '--gateway': { label: 'gateway-only', isUnwanted: (name) => name === ENGINE_BINDING },
};

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const writeJson = (path, value) => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
const nameOf = (lockPath) => lockPath.slice(lockPath.lastIndexOf('node_modules/') + 13);

/** A manifest or lock entry with only the dependencies that `isKept` accepts, and no development dependencies. */
function withoutDependencies(entry, isKept) {
  const manifest = { ...entry };
  delete manifest.devDependencies;
  for (const kind of ['dependencies', 'optionalDependencies']) {
    if (manifest[kind] === undefined) continue;
    manifest[kind] = Object.fromEntries(
      Object.entries(manifest[kind]).filter(([name]) => isKept(name)),
    );
  }
  return manifest;
}

/**
 * The lock file without the unwanted packages. Packages that only they needed are unreachable, and npm omits them.
 *
 * Optional dependencies for other platforms that the lock file does not contain are removed as well, because
 * `npm ci` refuses a lock file with such a gap, and registries do not have the packages of every platform.
 */
function pruneLock(lock, isUnwanted) {
  const kept = Object.entries(lock.packages).filter(
    ([path, entry]) =>
      entry.dev !== true && !(path.includes('node_modules/') && isUnwanted(nameOf(path))),
  );
  const names = new Set(kept.map(([path]) => nameOf(path)));
  const packages = kept.map(([path, entry]) => [
    path,
    withoutDependencies(entry, (name) => names.has(name)),
  ]);
  return { ...lock, packages: Object.fromEntries(packages) };
}

const packageFolders = () =>
  readdirSync(join(root, 'packages'))
    .map((name) => join('packages', name))
    .filter((folder) => existsSync(join(root, folder, 'package.json')));

/** Fills `stage` with the files that npm reads: manifests, the pruned lock file and the files behind the `bin` links. */
function writeStage(stage, isUnwanted) {
  for (const folder of ['.', ...packageFolders()]) {
    const path = join(folder, 'package.json');
    const manifest = readJson(join(root, path));
    mkdirSync(join(stage, dirname(path)), { recursive: true });
    writeJson(
      join(stage, path),
      withoutDependencies(manifest, (name) => !isUnwanted(name)),
    );
    for (const bin of Object.values(manifest.bin ?? {})) {
      const file = join(dirname(path), bin);
      if (!existsSync(join(root, file))) continue;
      mkdirSync(join(stage, dirname(file)), { recursive: true });
      copyFileSync(join(root, file), join(stage, file));
    }
  }
  writeJson(
    join(stage, 'package-lock.json'),
    pruneLock(readJson(join(root, 'package-lock.json')), isUnwanted),
  );
}

function installInto(stage) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const { status, error } = spawnSync(npm, ['ci', '--no-audit', '--no-fund'], {
    cwd: stage,
    stdio: 'inherit',
    // The install script of the binding would try to build the omitted binaries.
    env: { ...process.env, NODE_LLAMA_CPP_SKIP_DOWNLOAD: 'true' },
  });
  if (error) throw error;
  if (status !== 0) throw new Error(`npm ci ended with exit code ${status}`);
}

/** Replaces node_modules of `folder` with the installed one, if there is one: npm hoists most packages to the root. */
function moveModules(stage, folder) {
  const target = join(root, folder, 'node_modules');
  const installed = join(stage, folder, 'node_modules');
  rmSync(target, { recursive: true, force: true });
  if (existsSync(installed)) renameSync(installed, target);
}

function main(argument) {
  const variant = VARIANTS[argument];
  if (variant === undefined) {
    console.error(
      'usage: node tools/install.mjs --cpu | --gateway   (for everything, with GPU engines: npm install)',
    );
    return 2;
  }
  // Inside the repository, so that moving node_modules is a rename.
  const stage = mkdtempSync(join(root, '.install-'));
  try {
    writeStage(stage, variant.isUnwanted);
    installInto(stage);
    for (const folder of ['.', ...packageFolders()]) moveModules(stage, folder);
    console.log(`Installed (${variant.label}). Start with: npm start`);
    return 0;
  } catch (cause) {
    console.error(`install: ${cause.message}. Nothing was changed.`);
    return 1;
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv[2]);

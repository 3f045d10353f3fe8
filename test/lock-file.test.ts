/** `npm ci` and tools/install.mjs install exactly the versions of the lock file, on every platform. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const Dependencies = z.record(z.string(), z.string()).default({});
const LockFile = z.looseObject({
  packages: z.record(z.string(), z.looseObject({ optionalDependencies: Dependencies })),
});
const Manifest = z.looseObject({ dependencies: Dependencies, devDependencies: Dependencies });

test('the lock file contains every optional dependency (else run: node tools/complete-lock.mjs)', () => {
  const { packages } = LockFile.parse(
    JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')),
  );

  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        packages[`node_modules/${name}`] === undefined &&
        packages[`${path}/node_modules/${name}`] === undefined,
    ),
  );

  expect(missing).toEqual([]);
});

test('every external dependency has an exact version', () => {
  const manifests = [
    'package.json',
    ...new Bun.Glob('packages/*/package.json').scanSync({ cwd: ROOT }),
  ];

  const ranges = manifests.flatMap((path) => {
    const manifest = Manifest.parse(JSON.parse(readFileSync(join(ROOT, path), 'utf8')));
    return Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
      .filter(([name, version]) => !name.startsWith('@cortex/') && !/^\d+\.\d+\.\d+$/.test(version))
      .map(([name, version]) => `${path}: ${name} ${version}`);
  });

  expect(ranges).toEqual([]);
});

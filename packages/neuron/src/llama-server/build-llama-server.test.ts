/** The steps of a build, with programs that stand in for git, cmake and the compiler. */
import { existsSync, mkdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { LibraryFiles } from '@cortex/engine';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { buildLlamaServer } from './build-llama-server.ts';
import { findLlamaServer } from './find-llama-server.ts';

const CMAKE = `
for last; do :; done
if [ "$1" = --build ]; then
  echo '[  3%] Building a'
  echo '[ 52%] Building b'
  echo '[100%] Linking c'
  mkdir -p "$2/bin"
  printf '#!/bin/sh\\necho version 1\\n' > "$2/bin/llama-server"
  chmod +x "$2/bin/llama-server"
else
  echo "$@" > "$CALLS"
fi`;

function setUp(tools: Readonly<Record<string, string>> = {}) {
  const root = temporaryFolder('build');
  const path = join(root, 'path');
  const libraries = join(root, 'libraries');
  mkdirSync(path);
  mkdirSync(libraries);
  writeFileSync(join(libraries, 'libllama.v1.so'), 'library');
  writeFileSync(join(libraries, 'llama-addon.node'), 'addon');
  const calls = join(root, 'calls');
  const programs = {
    git: 'for last; do :; done; mkdir -p "$last"',
    cmake: CMAKE.replace('$CALLS', calls),
    'c++': '',
    make: '',
    ...tools,
  };
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const library: LibraryFiles = {
    version: '1',
    sourceBundle: join(root, 'bundle'),
    compiled: (variant) => (variant === 'cpu' ? libraries : undefined),
  };
  const lines: string[] = [];
  const stateDir = join(root, 'state');
  const options = {
    stateDir,
    library,
    variant: 'cpu',
    jobs: 2,
    searchPath: path,
    report: (line: string) => void lines.push(line),
  } as const;
  return { options, stateDir, path, libraries, lines, calls };
}

describe('neuron build llama-server', () => {
  test('puts a program that starts where neuron finds it, beside links to its libraries', async () => {
    const { options, stateDir, libraries } = setUp();

    const program = await buildLlamaServer(options);

    expect(findLlamaServer({ configured: undefined, stateDir, searchPath: '' })).toEqual({
      kind: 'found',
      path: program,
    });
    expect(readlinkSync(join(stateDir, 'bin', 'libllama.v1.so'))).toBe(
      join(libraries, 'libllama.v1.so'),
    );
    expect(statSync(program).mode & 0o777).toBe(0o755);
    expect(existsSync(join(stateDir, 'build'))).toBe(false);
  });

  test('reports what it does, with the progress of the compiler', async () => {
    const { options, lines } = setUp();

    await buildLlamaServer(options);

    expect(lines).toContain('compiling: 50 %');
    expect(lines.at(-1)).toBe('compiling: 100 %');
  });

  test('downloads nothing', async () => {
    const { options, calls } = setUp();

    await buildLlamaServer(options);

    expect(await Bun.file(calls).text()).toContain('-DLLAMA_USE_PREBUILT_UI=OFF');
  });

  test.each([
    ['git', 'git'],
    ['cmake', 'cmake'],
    ['c++', 'a C++ compiler'],
    ['make', 'make'],
  ])('without %s says so, and which packages bring it', async (tool, named) => {
    const { options, path } = setUp();
    rmSync(join(path, tool));

    const failure = buildLlamaServer(options);

    await expect(failure).rejects.toThrow(`needs ${named}`);
    await expect(failure).rejects.toThrow('dnf install');
  });

  test('shows the last lines of a compiler that fails, and keeps the llama-server that was there', async () => {
    const broken = setUp({ cmake: 'echo "x.cpp:1: error: no"; exit 2' });
    const old = join(broken.stateDir, 'bin', 'llama-server');
    mkdirSync(join(broken.stateDir, 'bin'), { recursive: true });
    writeFileSync(old, 'old');

    const failure = buildLlamaServer(broken.options);

    await expect(failure).rejects.toThrow('x.cpp:1: error: no');
    expect(await Bun.file(old).text()).toBe('old');
    expect(existsSync(join(broken.stateDir, 'build'))).toBe(false);
  });

  test('does not install a program that does not start', async () => {
    const { options, stateDir } = setUp({
      cmake: `${CMAKE.replace('echo version 1', 'exit 1')}`.replace('"$CALLS"', '/dev/null'),
    });

    await expect(buildLlamaServer(options)).rejects.toThrow('Starting the new llama-server failed');
    expect(existsSync(join(stateDir, 'bin', 'llama-server'))).toBe(false);
  });

  test('names a kind of GPU for which the library is not installed', async () => {
    const { options } = setUp();

    const failure = buildLlamaServer({ ...options, variant: 'vulkan' });

    await expect(failure).rejects.toThrow('with vulkan: choose another --gpu');
  });
});

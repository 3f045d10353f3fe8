/** The direction of ARCHITECTURE.md, enforced: who may import whom. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Packages of ours that the product code of each package may import. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  fleet: ['protocol'],
  service: ['protocol'],
  engine: ['protocol'],
  gateway: ['protocol', 'fleet', 'service'],
  neuron: ['protocol', 'service', 'engine'],
  cli: ['protocol', 'service', 'gateway'],
  dashboard: ['protocol'],
  testkit: ['protocol', 'engine', 'fleet', 'service'],
};

/** The only file that knows the engine's library. */
const BINDING = 'packages/engine/src/llama/binding.ts';

/** The only file that knows the parser of GGUF headers. */
const GGUF_READER = 'packages/engine/src/gguf/read-gguf.ts';

/** What a pure package may not reach for. */
const IMPURE = /^(?:node:|bun$|bun:)/;
const PURE_PACKAGES = new Set(['protocol', 'fleet']);

/** Commands that only ask a gateway; they see its protocol and nothing of its inside. */
const CLIENT_CODE =
  /^packages\/cli\/src\/(?:client|chat|output|commands\/(?:status|models|load|unload|chat|context)\.ts)/;

interface Import {
  readonly file: string;
  readonly specifier: string;
}

const isTest = (file: string): boolean =>
  /\.test\.ts$|\/test\/|\/conformance\/|^packages\/testkit\//.test(file);

/** Static and dynamic imports and re-exports, types included. */
function importsOf(file: string): Import[] {
  const loader = file.endsWith('x') ? 'tsx' : 'ts';
  const source = readFileSync(join(ROOT, file), 'utf8').replace(/^#!.*/, '');
  const scanned = new Bun.Transpiler({ loader }).scanImports(source).map(({ path }) => path);
  // The scan leaves out what is imported only as a type.
  const types = [...source.matchAll(/\bfrom\s+['"]([^'"]+)['"]/g)].map(([, path = '']) => path);
  return [...new Set([...scanned, ...types])].map((specifier) => ({ file, specifier }));
}

const packageOf = (file: string): string => file.split('/')[1] ?? '';

/** The package of ours that an import reaches, by name or by path; undefined for anything else. */
function target({ file, specifier }: Import): string | undefined {
  const named = /^@cortex\/([a-z-]+)/.exec(specifier)?.[1];
  if (named !== undefined) return named;
  if (!specifier.startsWith('.')) return undefined;
  const reached = relative(ROOT, join(ROOT, dirname(file), specifier));
  return reached.startsWith('packages/') ? packageOf(reached) : reached.split('/')[0];
}

const files = [
  ...new Bun.Glob('packages/*/{src,bin,test}/**/*.{ts,tsx,mjs}').scanSync({ cwd: ROOT }),
];
const imports = files.flatMap(importsOf);
const productImports = imports.filter(({ file }) => !isTest(file));
const describeImport = ({ file, specifier }: Import): string => `${file} imports ${specifier}`;

describe('the architecture', () => {
  test('is looked at: there are files in every package', () => {
    const packages = new Set(files.map(packageOf));

    expect(packages.size).toBeGreaterThanOrEqual(8);
    expect([...packages].filter((name) => !Object.hasOwn(ALLOWED, name))).toEqual([]);
  });

  test('lets packages import only downwards', () => {
    const wrong = productImports.filter((entry) => {
      const from = packageOf(entry.file);
      const to = target(entry);
      return to !== undefined && to !== from && !(ALLOWED[from] ?? []).includes(to);
    });

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('keeps the testkit, tools and tests out of the product', () => {
    const wrong = productImports.filter((entry) =>
      ['testkit', 'tools', 'test', 'bench'].includes(target(entry) ?? ''),
    );

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('reaches into other packages by their names, not by paths', () => {
    const wrong = productImports.filter((entry) => {
      const to = target(entry);
      return entry.specifier.startsWith('.') && to !== undefined && to !== packageOf(entry.file);
    });

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('names the engine’s library in one file', () => {
    const naming = productImports.filter(({ specifier }) => /^node-llama-cpp\b/.test(specifier));

    expect([...new Set(naming.map(({ file }) => file))]).toEqual([BINDING]);
  });

  test('reads GGUF files in one place', () => {
    const naming = imports.filter(({ specifier }) => specifier === '@huggingface/gguf');

    expect([...new Set(naming.map(({ file }) => file))]).toEqual([GGUF_READER]);
  });

  test('keeps native code out of the engine’s main entry', () => {
    const inMain = productImports.filter(
      (entry) =>
        entry.file.startsWith('packages/engine/src/') &&
        !entry.file.startsWith('packages/engine/src/llama/') &&
        /(?:^|\/)llama\//.test(entry.specifier),
    );

    expect(inMain.map(describeImport)).toEqual([]);
  });

  test('lets neuron reach the llama engine only by spawning it or by a dynamic import', () => {
    const statically = files
      .filter((file) => file.startsWith('packages/neuron/src/') && !isTest(file))
      .filter((file) =>
        /^\s*(?:import|export)\b[^(]*?from\s+['"]@cortex\/engine\/worker['"]/m.test(
          readFileSync(join(ROOT, file), 'utf8'),
        ),
      );

    expect(statically).toEqual([]);
  });

  test('keeps protocol and fleet free of I/O', () => {
    const wrong = productImports.filter(
      ({ file, specifier }) => PURE_PACKAGES.has(packageOf(file)) && IMPURE.test(specifier),
    );

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('keeps clocks out of fleet: every time is an argument', () => {
    const wrong = files.filter(
      (file) =>
        packageOf(file) === 'fleet' &&
        !isTest(file) &&
        /\b(?:Date\.now|performance\.now|new Date\(\)|setTimeout|setInterval)\b/.test(
          readFileSync(join(ROOT, file), 'utf8'),
        ),
    );

    expect(wrong).toEqual([]);
  });

  test('lets the client commands see the protocol and nothing of the gateway', () => {
    const wrong = productImports.filter(
      (entry) =>
        CLIENT_CODE.test(entry.file) &&
        ['gateway', 'service', 'fleet'].includes(target(entry) ?? ''),
    );

    expect(wrong.map(describeImport)).toEqual([]);
  });
});

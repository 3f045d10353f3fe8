/** Enforces the layers of ARCHITECTURE.md: which package may import which. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, test } from 'bun:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Packages of this repository that the product code of each package may import. */
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

/** The only file that may import the library of the engine. */
const BINDING = 'packages/engine/src/llama/binding.ts';

/** The only file that may import the parser of GGUF headers. */
const GGUF_READER = 'packages/engine/src/gguf/read-gguf.ts';

/** Names that a pure package may not use. */
const IMPURE = /^(?:node:|bun$|bun:)/;
const PURE_PACKAGES = new Set(['protocol', 'fleet']);

/** Commands that only call a gateway. They use its protocol, not its implementation. */
const CLIENT_CODE =
  /^packages\/cli\/src\/(?:client|chat|output|commands\/(?:status|models|load|unload|pull|rm|chat|context)\.ts)/;

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
  // The scan does not include type-only imports.
  const types = [...source.matchAll(/\bfrom\s+['"]([^'"]+)['"]/g)].map(([, path = '']) => path);
  return [...new Set([...scanned, ...types])].map((specifier) => ({ file, specifier }));
}

const packageOf = (file: string): string => file.split('/')[1] ?? '';

/** The package of this repository that an import resolves to, by name or by path; undefined for other imports. */
function target({ file, specifier }: Import): string | undefined {
  const named = /^@cortex\/([a-z-]+)/.exec(specifier)?.[1];
  if (named !== undefined) return named;
  if (!specifier.startsWith('.')) return undefined;
  const reached = relative(ROOT, join(ROOT, dirname(file), specifier));
  return reached.startsWith('packages/') ? packageOf(reached) : reached.split('/')[0];
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The strongly connected components with more than one node (Tarjan), each sorted. */
function cyclesIn(graph: Graph): readonly (readonly string[])[] {
  const order = new Map<string, number>();
  const path: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    const index = order.size;
    order.set(node, index);
    path.push(node);
    let low = index;
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next));
      else if (path.includes(next)) low = Math.min(low, order.get(next) ?? low);
    }
    if (low === index) {
      const cycle = path.splice(path.indexOf(node));
      if (cycle.length > 1) cycles.push(cycle.toSorted());
    }
    return low;
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}

/** The file in `files` that a relative import resolves to; undefined for other imports. */
const reachedFile = ({ file, specifier }: Import): string | undefined =>
  specifier.startsWith('.') ? relative(ROOT, join(ROOT, dirname(file), specifier)) : undefined;

/** Edges between places, from the relative imports of the product; `placeOf` gives the place of a file. */
function graphOf(
  placeOf: (file: string) => string,
  isEdge: (from: string, to: string) => boolean,
): Graph {
  const graph = new Map<string, Set<string>>();
  for (const entry of productImports) {
    const reached = reachedFile(entry);
    if (reached === undefined) continue;
    const [from, to] = [placeOf(entry.file), placeOf(reached)];
    if (from !== to && isEdge(from, to)) graph.set(from, (graph.get(from) ?? new Set()).add(to));
  }
  return graph;
}

/** A folder and its subfolder: the outer folder composes the parts and contains what they share. */
const isNested = (a: string, b: string): boolean => a.startsWith(`${b}/`) || b.startsWith(`${a}/`);

const files = [
  ...new Bun.Glob('packages/*/{src,bin,test}/**/*.{ts,tsx,mjs}').scanSync({ cwd: ROOT }),
];
const imports = files.flatMap(importsOf);
const productImports = imports.filter(({ file }) => !isTest(file));
const describeImport = ({ file, specifier }: Import): string => `${file} imports ${specifier}`;

describe('the architecture', () => {
  test('is checked in every package', () => {
    const packages = new Set(files.map(packageOf));

    expect(packages.size).toBeGreaterThanOrEqual(8);
    expect([...packages].filter((name) => !Object.hasOwn(ALLOWED, name))).toEqual([]);
  });

  test('lets packages import only lower layers', () => {
    const wrong = productImports.filter((entry) => {
      const from = packageOf(entry.file);
      const to = target(entry);
      return to !== undefined && to !== from && !(ALLOWED[from] ?? []).includes(to);
    });

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('has no import cycles between files', () => {
    expect(
      cyclesIn(
        graphOf(
          (file) => file,
          () => true,
        ),
      ),
    ).toEqual([]);
  });

  test('has no import cycles between folders', () => {
    const graph = graphOf(dirname, (from, to) => !isNested(from, to));

    expect(cyclesIn(graph)).toEqual([]);
  });

  test('is checked for cycles of any length', () => {
    const graph = new Map(
      Object.entries({ a: ['b'], b: ['c'], c: ['a', 'd'], d: ['e'], e: [] }).map(
        ([from, to]) => [from, new Set(to)] as const,
      ),
    );

    expect(cyclesIn(graph)).toEqual([['a', 'b', 'c']]);
  });

  test('keeps testkit, tools and tests out of the product', () => {
    const wrong = productImports.filter((entry) =>
      ['testkit', 'tools', 'test', 'bench'].includes(target(entry) ?? ''),
    );

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('imports other packages by name, not by path', () => {
    const wrong = productImports.filter((entry) => {
      const to = target(entry);
      return entry.specifier.startsWith('.') && to !== undefined && to !== packageOf(entry.file);
    });

    expect(wrong.map(describeImport)).toEqual([]);
  });

  test('imports the library of the engine in one file', () => {
    const naming = productImports.filter(({ specifier }) => /^node-llama-cpp\b/.test(specifier));

    expect([...new Set(naming.map(({ file }) => file))]).toEqual([BINDING]);
  });

  test('reads GGUF files in one file', () => {
    const naming = imports.filter(({ specifier }) => specifier === '@huggingface/gguf');

    expect([...new Set(naming.map(({ file }) => file))]).toEqual([GGUF_READER]);
  });

  test('keeps native code out of the main entry of the engine', () => {
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
        /^\s*(?:import|export)\b(?! type\b)[^(;]*?from\s+['"]@cortex\/engine\/worker['"]/m.test(
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

  test('keeps clocks out of fleet, where every time is an argument', () => {
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

  test('lets the client commands import the protocol but not the gateway', () => {
    const wrong = productImports.filter(
      (entry) =>
        CLIENT_CODE.test(entry.file) &&
        ['gateway', 'service', 'fleet'].includes(target(entry) ?? ''),
    );

    expect(wrong.map(describeImport)).toEqual([]);
  });
});

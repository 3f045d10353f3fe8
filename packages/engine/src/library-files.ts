/** Files of the native library that the engine is built on. Nothing is loaded. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ENGINE_FOLDER } from './engine-files.ts';

/** Kinds of GPU for which the library is compiled; `cpu`: none. */
export type LibraryVariant = 'cpu' | 'cuda' | 'vulkan';

export interface LibraryFiles {
  readonly version: string;
  /** A git bundle with the sources that the library was compiled from. */
  readonly sourceBundle: string;
  /** The folder with the compiled libraries of a variant; undefined if it is not installed on this machine. */
  compiled(variant: LibraryVariant): string | undefined;
}

const PACKAGE = 'node-llama-cpp';

function rootOf(name: string): string | undefined {
  if (ENGINE_FOLDER !== undefined) {
    const folder = join(ENGINE_FOLDER, 'node_modules', name);
    return existsSync(folder) ? folder : undefined;
  }
  try {
    return dirname(dirname(fileURLToPath(import.meta.resolve(name))));
  } catch {
    // The package is optional.
    return undefined;
  }
}

/** Undefined if the library is not installed. */
export function libraryFiles(): LibraryFiles | undefined {
  const root = rootOf(PACKAGE);
  if (root === undefined) return undefined;
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return {
    version: String(version),
    sourceBundle: join(root, 'llama/gitRelease.bundle'),
    compiled(variant) {
      const name = `${process.platform}-${process.arch}${variant === 'cpu' ? '' : `-${variant}`}`;
      const folder = join(dirname(root), `@${PACKAGE}`, name, 'bins', name);
      return existsSync(folder) ? folder : undefined;
    },
  };
}

/** The programs that a build needs. */
import { ConfigError } from '@cortex/service';

export interface BuildTools {
  readonly git: string;
  readonly cmake: string;
}

const COMPILERS = ['c++', 'g++', 'clang++'];
const GENERATORS = ['make', 'gmake', 'ninja'];

/** @throws ConfigError naming what is missing and the packages that bring it */
export function findBuildTools(searchPath: string): BuildTools {
  const which = (program: string): string | undefined =>
    Bun.which(program, { PATH: searchPath }) ?? undefined;
  const git = which('git');
  const cmake = which('cmake');
  const missing = [
    ...(git === undefined ? ['git'] : []),
    ...(cmake === undefined ? ['cmake'] : []),
    ...(COMPILERS.some(which) ? [] : ['a C++ compiler (c++)']),
    ...(GENERATORS.some(which) ? [] : ['make']),
  ];
  if (git !== undefined && cmake !== undefined && missing.length === 0) return { git, cmake };
  throw new ConfigError(
    `Building llama-server needs ${missing.join(', ')}. Fedora: dnf install git cmake gcc-c++ make. Debian and Ubuntu: apt install git cmake g++ make.`,
    { key: 'engine.llama_server' },
  );
}

import type { Alias } from './catalogue.ts';

interface Glob {
  readonly alias: Alias;
  readonly pattern: RegExp;
}

/** Aliases prepared for lookup: exact names in a map, globs ordered from the longest. */
export interface AliasTable {
  readonly all: readonly Alias[];
  readonly exact: ReadonlyMap<string, Alias>;
  readonly globs: readonly Glob[];
}

const isGlob = (alias: Alias): boolean => alias.name.includes('*');

function toPattern(glob: string): RegExp {
  const parts = glob.split(/\*+/).map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's');
}

/** Compiles the aliases of models.toml. Globs of equal length are ordered alphabetically. */
export function createAliasTable(aliases: readonly Alias[]): AliasTable {
  return {
    all: aliases.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    exact: new Map(aliases.filter((alias) => !isGlob(alias)).map((alias) => [alias.name, alias])),
    globs: aliases
      .filter(isGlob)
      .toSorted((a, b) => b.name.length - a.name.length || (a.name < b.name ? -1 : 1))
      .map((alias) => ({ alias, pattern: toPattern(alias.name) })),
  };
}

/** The alias for the name `asked`: an exact match, else the longest glob. `default` is not considered. */
export function findAlias(table: AliasTable, asked: string): Alias | undefined {
  return table.exact.get(asked) ?? table.globs.find(({ pattern }) => pattern.test(asked))?.alias;
}

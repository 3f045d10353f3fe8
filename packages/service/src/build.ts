/** What `npm run build` says of a program. */
export interface Build {
  /** Of the sources, 40 hexadecimal digits; `-changed` follows if they were not committed. */
  readonly commit: string;
  /** Of the commit, ISO 8601. */
  readonly date: string;
}

declare const CORTEX_BUILD: Build;

/** Undefined for a program that runs from its sources. */
export const BUILD: Build | undefined =
  typeof CORTEX_BUILD === 'undefined' ? undefined : CORTEX_BUILD;

/** What `--version` prints. */
export const versionText = (version: string): string =>
  BUILD === undefined
    ? version
    : `${version} (commit ${BUILD.commit.replace(/^(.{12})\w*/, '$1')}, ${BUILD.date.slice(0, 10)})`;

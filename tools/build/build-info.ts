import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Build } from '@cortex/service';

/** The file into which `git archive` writes commit and date: 40 digits, seconds since 1970. */
const ARCHIVED = '.build-source';

/**
 * The commit that is built, and its date: from git, from the archive that the sources came in, or as `SOURCE_COMMIT`
 * and `SOURCE_DATE_EPOCH` say.
 */
export function buildInfo(root: string): Build {
  const git = (...args: readonly string[]): string => {
    const { success, stdout } = Bun.spawnSync(['git', ...args], { cwd: root, stderr: 'ignore' });
    return success ? stdout.toString().trim() : '';
  };
  const [, archivedCommit, archivedDate] =
    /^([0-9a-f]{40}) (\d+)$/m.exec(readFileSync(join(root, ARCHIVED), 'utf8')) ?? [];
  const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
  const head = git('rev-parse', 'HEAD') + (isChanged ? '-changed' : '');
  const commit = process.env['SOURCE_COMMIT'] ?? archivedCommit ?? head;
  const dateS = Number(
    process.env['SOURCE_DATE_EPOCH'] ?? archivedDate ?? git('log', '-1', '--format=%ct'),
  );
  if (commit === '' || !(dateS > 0)) {
    throw new Error(
      'These sources are neither in a git repository nor from "git archive": set SOURCE_COMMIT and SOURCE_DATE_EPOCH (seconds since 1970).',
    );
  }
  return { commit, date: new Date(dateS * 1000).toISOString() };
}

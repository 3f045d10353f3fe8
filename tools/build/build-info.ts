import type { Build } from '@cortex/service';

/**
 * The commit that is built, and its date: from git, or from `SOURCE_COMMIT` and `SOURCE_DATE_EPOCH` where the sources
 * come in an archive.
 */
export function buildInfo(root: string): Build {
  const git = (...args: readonly string[]): string => {
    const { success, stdout } = Bun.spawnSync(['git', ...args], { cwd: root, stderr: 'ignore' });
    return success ? stdout.toString().trim() : '';
  };
  const { SOURCE_COMMIT: commit, SOURCE_DATE_EPOCH: epochS } = process.env;
  const isChanged = git('status', '--porcelain', '--untracked-files=no') !== '';
  const head = git('rev-parse', 'HEAD') + (isChanged ? '-changed' : '');
  const dateS = Number(epochS ?? git('log', '-1', '--format=%ct'));
  if ((commit ?? head) === '' || !(dateS > 0)) {
    throw new Error(
      'These sources are not in a git repository: set SOURCE_COMMIT and SOURCE_DATE_EPOCH (seconds since 1970).',
    );
  }
  return { commit: commit ?? head, date: new Date(dateS * 1000).toISOString() };
}

/** The `source` of a load or pull: where the files of a model come from. */
import { CortexError } from '@cortex/protocol';

/** `hf:org/repo[@revision][:file]`: files of a model repository on the hub. */
export interface HubSource {
  readonly kind: 'hub';
  /** `org/repo`. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** Path in the repository; absent: chosen by quantisation. */
  readonly file?: string | undefined;
}

/** `https://host/path.gguf`: one file on a web server. */
export interface WebSource {
  readonly kind: 'web';
  readonly url: URL;
}

export type Source = HubSource | WebSource | { readonly kind: 'file' };

export type RemoteSource = HubSource | WebSource;

const DEFAULT_REVISION = 'main';

const HUB = /^hf:([^/@:]+\/[^/@:]+)(?:@([^:]+))?(?::(.*))?$/;
/** Names as the hub permits them: they become names of folders. */
const REPO = /^[a-z0-9][\w.-]*\/[a-z0-9][\w.-]*$/i;

/** Whether `path` stays below the folder that it is appended to, on every file system. */
export function isPathBelow(path: string): boolean {
  const isPlain = !/[\\\p{Cc}\p{Zl}\p{Zp}]/u.test(path);
  return isPlain && path.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

const isGguf = (path: string): boolean => /\.gguf$/i.test(path);

function parseHub(text: string, fail: (problem: string) => CortexError): HubSource {
  const [, repo = '', revision = DEFAULT_REVISION, file] = HUB.exec(text) ?? [];
  if (!REPO.test(repo) || /--|\.\./.test(repo)) {
    throw fail(
      'does not name a repository. Write hf:org/repo, hf:org/repo@revision or hf:org/repo:file.gguf',
    );
  }
  if (!isPathBelow(revision)) throw fail(`has the revision "${revision}", which is not valid`);
  if (file === undefined) return { kind: 'hub', repo, revision };
  if (!isGguf(file)) {
    throw fail(`names "${file}", which is not a .gguf file. Set quant to choose a quantisation`);
  }
  if (!isPathBelow(file))
    throw fail(`names the file "${file}", which is not a path in a repository`);
  return { kind: 'hub', repo, revision, file };
}

function parseWeb(text: string, fail: (problem: string) => CortexError): WebSource {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || url.hostname === '') throw fail('is not a URL');
  if (url.username !== '' || url.password !== '') {
    throw fail('contains a user name or a password, which would be shown in lists and logs');
  }
  if (!isGguf(url.pathname)) throw fail('does not name a .gguf file');
  return { kind: 'web', url };
}

/**
 * Reads a source.
 *
 * @param param - The member of the call that named it.
 * @throws CortexError `invalid_request` that says what to change
 */
export function parseSource(text: string, param = 'source'): Source {
  const fail = (problem: string): CortexError =>
    new CortexError('invalid_request', `The source "${text}" ${problem}.`, { param });
  if (text.startsWith('file:')) return { kind: 'file' };
  if (text.startsWith('hf:')) return parseHub(text, fail);
  if (text.startsWith('https:')) return parseWeb(text, fail);
  throw fail('is of no known kind. Sources are hf:org/repo, https://host/file.gguf and file:/path');
}

/** The source as text that parses to the same source. */
export function formatSource(source: RemoteSource): string {
  if (source.kind === 'web') return source.url.href;
  const { repo, revision, file } = source;
  const at = revision === DEFAULT_REVISION ? '' : `@${revision}`;
  return `hf:${repo}${at}${file === undefined ? '' : `:${file}`}`;
}

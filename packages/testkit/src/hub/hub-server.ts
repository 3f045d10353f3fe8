/** A hub for tests: the API of huggingface.co for models, and the host to which it redirects downloads. */
import { createHash } from 'node:crypto';

import {
  answerFile,
  type Fault,
  type FileServer,
  type ServedAnswer,
  type ServedRequest,
  startFileServer,
} from './file-server.ts';

export interface HubRepositoryFiles {
  /** By path in the repository. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** 40 hex digits; absent: one for all. */
  readonly commit?: string;
  /** Downloads need this token. */
  readonly gatedFor?: string;
  /** Everything needs this token. */
  readonly privateFor?: string;
}

/** The kinds of requests, for faults. */
export type HubStage = 'info' | 'tree' | 'resolve' | 'cdn';

export interface HubServerOptions {
  /** By `org/repo`. Read at each request, so that a test may change it. */
  readonly repositories: Readonly<Record<string, HubRepositoryFiles>>;
  readonly fault?: (stage: HubStage, request: ServedRequest) => Fault | undefined;
  /** Entries of a page of the file list. Default: all. */
  readonly pageSize?: number;
}

export interface HubServer extends AsyncDisposable {
  /** For `HF_ENDPOINT`. */
  readonly url: string;
  /** The requests to a stage so far. */
  requestsOf(stage: HubStage): readonly ServedRequest[];
}

const COMMIT = 'c0ffee0000000000000000000000000000000000';

export const sha256Of = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

/** The id that git gives a file. */
const blobId = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

const json = (value: unknown, headers: Record<string, string> = {}): ServedAnswer => ({
  status: 200,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

const refusal = (status: number, code: string): ServedAnswer => ({
  status,
  headers: { 'x-error-code': code, 'content-type': 'application/json' },
  body: JSON.stringify({ error: code }),
});

const ROUTE =
  /^\/(?:api\/models\/)?([^/]+\/[^/]+)\/(revision|tree|resolve)\/([^/?]+)(?:\/([^?]*))?/;

const stageOf = (path: string): HubStage =>
  path.includes('/resolve/') ? 'resolve' : path.includes('/tree/') ? 'tree' : 'info';

/** Large files are stored outside git, as the hub does with everything that is not text. */
const isLarge = (path: string): boolean => /\.(?:gguf|bin|safetensors)$/.test(path);

function treeEntry([path, bytes]: [string, Uint8Array]) {
  const oid = blobId(bytes);
  const lfs = isLarge(path) && { oid: sha256Of(bytes), size: bytes.length, pointerSize: 135 };
  return { type: 'file', path, size: bytes.length, oid, ...(lfs && { lfs }) };
}

export async function startHubServer(options: HubServerOptions): Promise<HubServer> {
  const { repositories, fault, pageSize = Infinity } = options;
  const blobs = (): Map<string, Uint8Array> =>
    new Map(
      Object.values(repositories).flatMap(({ files }) =>
        Object.values(files).map((bytes): [string, Uint8Array] => [sha256Of(bytes), bytes]),
      ),
    );

  const cdn: FileServer = await startFileServer({
    answer: (request) => {
      const bytes = blobs().get(request.path.slice(1));
      // A signed URL must not carry the token of the hub.
      if (request.headers.has('authorization')) return { status: 400 };
      return bytes ? answerFile(request, { bytes, etag: '"of the storage"' }) : { status: 404 };
    },
    fault: (request) => fault?.('cdn', request),
  });

  function answer(request: ServedRequest): ServedAnswer {
    const [, repo = '', kind, revision = '', path = ''] = ROUTE.exec(request.target) ?? [];
    const repository = repositories[repo];
    const token = request.headers.get('authorization')?.replace('Bearer ', '');
    if (!repository) return refusal(token === undefined ? 401 : 404, 'RepoNotFound');
    const { files, commit = COMMIT, gatedFor, privateFor } = repository;
    if (privateFor !== undefined && token !== privateFor) return refusal(401, 'RepoNotFound');
    if (!['main', commit].includes(decodeURIComponent(revision)))
      return refusal(404, 'RevisionNotFound');
    if (kind === 'revision')
      return json({ _id: 'id', id: repo, sha: commit, private: false, gated: false, likes: 0 });
    if (kind === 'tree') {
      const from = Number(/[?&]cursor=(\d+)/.exec(request.target)?.[1] ?? 0);
      const entries = Object.entries(files).map(treeEntry);
      const next = `${hub.url}/api/models/${repo}/tree/${revision}?recursive=true&cursor=${from + pageSize}`;
      const hasMore = from + pageSize < entries.length;
      return json(
        [
          { type: 'directory', path: 'folder', size: 0, oid: '' },
          ...entries.slice(from, from + pageSize),
        ],
        hasMore ? { link: `<${next}>; rel="next"` } : {},
      );
    }
    const bytes = files[decodeURIComponent(path)];
    if (gatedFor !== undefined && token !== gatedFor)
      return refusal(token === undefined ? 401 : 403, 'GatedRepo');
    if (!bytes) return refusal(404, 'EntryNotFound');
    const about = { 'x-repo-commit': commit };
    if (!isLarge(path)) {
      const file = answerFile(request, { bytes, etag: `"${blobId(bytes)}"` });
      return { ...file, headers: { ...file.headers, ...about } };
    }
    return {
      status: 302,
      headers: {
        ...about,
        location: `${cdn.url}/${sha256Of(bytes)}?X-Amz-Signature=abc`,
        'x-linked-size': String(bytes.length),
        'x-linked-etag': `"${sha256Of(bytes)}"`,
      },
    };
  }

  const hub: FileServer = await startFileServer({
    answer,
    fault: (request) => fault?.(stageOf(request.path), request),
  });

  return {
    url: hub.url,
    requestsOf: (stage) =>
      stage === 'cdn' ? cdn.requests : hub.requests.filter(({ path }) => stageOf(path) === stage),
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]();
      await cdn[Symbol.asyncDispose]();
    },
  };
}

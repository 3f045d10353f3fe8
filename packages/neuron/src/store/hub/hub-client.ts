/** The hub's API: which files a repository has, and their bytes. */
import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

import { openRange } from '../pull/open-range.ts';
import type { ByteRange, Checksum, OpenedFile } from '../pull/remote-file.ts';
import { type HubSource, isPathBelow } from '../source.ts';
import { temporary, type WebClient, type WebGet } from '../web/web-client.ts';
import { explainHubRefusal } from './hub-refusal.ts';
import type { HubSettings } from './hub-settings.ts';

/** A file of a repository. */
export interface HubFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly checksum: Checksum;
}

/** A repository at one commit. */
export interface HubListing {
  readonly commit: string;
  readonly files: readonly HubFile[];
}

export type HubRepository = Pick<HubSource, 'repo' | 'revision'>;

const Commit = z.string().regex(/^[0-9a-f]{40}$/);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const TreeEntry = z.looseObject({
  type: z.string(),
  path: z.string(),
  size: z.int().min(0),
  oid: z.string(),
  lfs: z.looseObject({ oid: Sha256, size: z.int().min(0) }).optional(),
});

const misunderstood = (repo: string, cause: unknown): CortexError =>
  temporary(`The hub sent an answer about hf:${repo} that neuron does not understand.`, cause);

function toHubFile(entry: z.infer<typeof TreeEntry>): HubFile | undefined {
  const { type, path, size, oid, lfs } = entry;
  if (type !== 'file' || !isPathBelow(path)) return undefined;
  if (lfs) return { path, sizeBytes: lfs.size, checksum: { kind: 'sha256', hex: lfs.oid } };
  const id = Commit.safeParse(oid);
  return id.success
    ? { path, sizeBytes: size, checksum: { kind: 'git', hex: id.data } }
    : undefined;
}

export class HubClient {
  readonly #settings: HubSettings;
  readonly #web: WebClient;

  constructor(settings: HubSettings, web: WebClient) {
    this.#settings = settings;
    this.#web = web;
  }

  /**
   * The files of a repository, at the commit that its revision points to now.
   *
   * @throws CortexError `model_load_failed`, transient if the hub may answer later
   */
  async list({ repo, revision }: HubRepository, signal: AbortSignal): Promise<HubListing> {
    this.#checkOnline(`hf:${repo}`);
    // Imported on demand, because most daemons never pull.
    const { listFiles, modelInfo } = await import('@huggingface/hub');
    const call = {
      hubUrl: this.#settings.endpoint,
      fetch: this.#fetch({ repo, revision }, signal),
    };
    try {
      const info = await modelInfo({ ...call, name: repo, revision, additionalFields: ['sha'] });
      const commit = Commit.parse(info.sha);
      const files: HubFile[] = [];
      for await (const entry of listFiles({ ...call, repo, revision: commit, recursive: true })) {
        const file = toHubFile(TreeEntry.parse(entry));
        if (file) files.push(file);
      }
      return { commit, files };
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CortexError) throw error;
      throw misunderstood(repo, error);
    }
  }

  /** A range of a file. @throws CortexError as `list` */
  open(
    file: { readonly repo: string; readonly commit: string; readonly path: string },
    range: ByteRange,
    signal: AbortSignal,
  ): Promise<OpenedFile> {
    const { repo, commit, path } = file;
    this.#checkOnline(`hf:${repo}`);
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const url = `${this.#settings.endpoint}/${repo}/resolve/${commit}/${encoded}`;
    // The content of a commit does not change, so that no ETag is needed.
    return openRange(this.#web, this.#request({ repo, revision: commit }, url, signal), range);
  }

  #checkOnline(what: string): void {
    if (!this.#settings.isOffline) return;
    throw new CortexError(
      'model_load_failed',
      `${what} is not on this node, and HF_HUB_OFFLINE forbids to ask the hub.`,
      { param: 'source' },
    );
  }

  #request(question: HubRepository, url: string, signal: AbortSignal): WebGet {
    const { endpoint, token } = this.#settings;
    return {
      url,
      signal,
      authorization: token === undefined ? undefined : `Bearer ${token}`,
      explain: (refusal) =>
        explainHubRefusal(refusal, { ...question, endpoint, hasToken: token !== undefined }),
    };
  }

  /** `fetch` for the library: our redirects, token and errors. */
  #fetch(question: HubRepository, signal: AbortSignal): typeof fetch {
    const get = (input: string | URL | Request): Promise<Response> =>
      this.#web.get(
        this.#request(question, input instanceof Request ? input.url : String(input), signal),
      );
    return Object.assign(get, { preconnect: () => undefined });
  }
}

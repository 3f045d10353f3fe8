import { chooseModel } from '../choose-model.ts';
import type { FoundFile } from '../found-file.ts';
import type { PlannedFile, PullPlan } from '../pull/planned-file.ts';
import { formatSource, type HubSource } from '../source.ts';
import { blobPath, type CacheEntry, linkSnapshot, writeRef } from './hub-cache.ts';
import type { HubClient, HubFile } from './hub-client.ts';

/** Not the name that the Python tools use, so that both never write to one file. */
const PARTIAL_SUFFIX = '.neuron.incomplete';

export interface HubChoice {
  readonly source: HubSource;
  readonly quant?: string | undefined;
  readonly wantsProjector: boolean;
  readonly wantsDraft: boolean;
}

const toFoundFile = ({ path, sizeBytes }: HubFile): FoundFile => ({
  relativePath: path,
  path,
  sizeBytes,
  modifiedMs: 0,
  isPartial: false,
});

/**
 * Chooses the files of a repository by name: the parts of the model, its vision projector and its draft model.
 *
 * @throws CortexError `model_load_failed` naming what the repository has; errors of the hub
 */
export async function planHubPull(
  { client, cacheDir }: { readonly client: HubClient; readonly cacheDir: string },
  { source, quant, wantsProjector, wantsDraft }: HubChoice,
  signal: AbortSignal,
): Promise<PullPlan> {
  const { repo, revision } = source;
  const { commit, files } = await client.list(source, signal);
  const byPath = new Map(files.map((file) => [file.path, file]));
  const model = chooseModel(
    formatSource({ ...source, file: undefined }),
    files.filter(({ path }) => /\.gguf$/i.test(path)).map(toFoundFile),
    { file: source.file, quant },
  );
  const plan = (path: string | undefined): PlannedFile[] => {
    if (path === undefined) return [];
    const file = byPath.get(path);
    if (!file) return [];
    const entry: CacheEntry = { cacheDir, repo, commit, path, checksum: file.checksum.hex };
    const blob = blobPath(entry);
    return [
      {
        remote: {
          name: `hf:${repo}:${path}`,
          fileName: path.slice(path.lastIndexOf('/') + 1),
          sizeBytes: file.sizeBytes,
          checksum: file.checksum,
          version: file.checksum.hex,
          open: (range, openSignal) => client.open({ repo, commit, path }, range, openSignal),
        },
        path: blob,
        partialPath: blob + PARTIAL_SUFFIX,
        install: async () => {
          const snapshot = await linkSnapshot(entry);
          await writeRef(cacheDir, { repo, revision }, commit);
          return snapshot;
        },
      },
    ];
  };
  const [draft] = plan(wantsDraft ? model.draft : undefined);
  const projector = plan(wantsProjector ? model.projector : undefined);
  return {
    files: [...model.parts.flatMap(plan), ...projector, ...(draft ? [draft] : [])],
    parts: model.parts.length,
    draft,
    quant: model.quant,
  };
}

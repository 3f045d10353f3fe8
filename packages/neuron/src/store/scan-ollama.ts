/** The models of Ollama, which are blobs named by a manifest. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import type { ModelFile } from './model-file.ts';

const Digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);

const Manifest = z.looseObject({
  config: z.looseObject({ digest: Digest }).optional(),
  layers: z.array(z.looseObject({ mediaType: z.string(), digest: Digest })),
});

const Config = z.looseObject({
  model_format: z.string().optional(),
  file_type: z.string().optional(),
});

const MODEL = 'application/vnd.ollama.image.model';
const PROJECTOR = 'application/vnd.ollama.image.projector';

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // Not a manifest: Ollama is writing it, or it is of a newer kind. The next scan reads it again.
    return undefined;
  }
}

/** `name:tag`, with the namespace and the registry if they are not those of Ollama's library. */
function idOf(parts: readonly string[]): string {
  const name = parts.slice(0, -1).join('/');
  const short = name.replace(/^registry\.ollama\.ai\/(?:library\/)?/, '');
  return `${short}:${parts.at(-1)}`;
}

/** Whether the folder is a model store of Ollama (`~/.ollama/models`). */
export async function isOllamaStore(folder: string): Promise<boolean> {
  const found = await Promise.all(
    ['manifests', 'blobs'].map((name) => stat(join(folder, name)).catch(() => undefined)),
  );
  return found.every((stats) => stats?.isDirectory() === true);
}

async function readModel(folder: string, parts: readonly string[]): Promise<ModelFile | undefined> {
  const blob = (digest: string): string => join(folder, 'blobs', digest.replace(':', '-'));
  const manifest = await readJson(join(folder, 'manifests', ...parts), Manifest);
  const layer = (type: string) => manifest?.layers.find(({ mediaType }) => mediaType === type);
  const model = layer(MODEL);
  if (!manifest || !model) return undefined;
  const path = blob(model.digest);
  const stats = await stat(path).catch(() => undefined);
  const config = manifest.config && (await readJson(blob(manifest.config.digest), Config));
  if (!stats?.isFile() || (config?.model_format ?? 'gguf') !== 'gguf') return undefined;
  const projector = layer(PROJECTOR);
  return {
    id: idOf(parts),
    path,
    parts: [path],
    projector: projector && blob(projector.digest),
    sizeBytes: stats.size,
    quant: config?.file_type?.toUpperCase(),
    isPartial: false,
    modifiedMs: stats.mtimeMs,
    fingerprint: `${path}:${stats.size}:${stats.mtimeMs}`,
  };
}

/** The models of a store of Ollama. Manifests that cannot be read, and blobs that are missing, are left out. */
export async function scanOllama(folder: string): Promise<ModelFile[]> {
  const root = join(folder, 'manifests');
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => []);
  const models = await Promise.all(
    entries
      .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
      .map((entry) =>
        join(entry.parentPath, entry.name)
          .slice(root.length + 1)
          .split('/'),
      )
      .filter((parts) => parts.length >= 3)
      .map((parts) => readModel(folder, parts)),
  );
  return models.filter((model) => model !== undefined).sort((a, b) => a.id.localeCompare(b.id));
}

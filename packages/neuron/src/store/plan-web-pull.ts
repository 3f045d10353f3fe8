import { createHash } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { CortexError } from '@cortex/protocol';

import { describeAnswer, openRange } from './pull/open-range.ts';
import type { PlannedFile, PullPlan } from './pull/planned-file.ts';
import { quantOfName, sameQuant } from './quant-names.ts';
import { isPathBelow, type WebSource } from './source.ts';
import type { WebClient } from './web/web-client.ts';

/** The largest models have about a hundred parts. */
const MAX_PARTS = 512;
const PARTIAL_SUFFIX = '.neuron.incomplete';

const shortHash = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 12);

const fail = (param: string, message: string): CortexError =>
  new CortexError('model_load_failed', message, { param });

/** The last segment of a URL's path, decoded. */
function fileName({ pathname, href }: URL): string {
  const segment = pathname.slice(pathname.lastIndexOf('/') + 1);
  let name = segment;
  try {
    name = decodeURIComponent(segment);
  } catch {
    // A percent sign that does not start an escape belongs to the name.
  }
  if (isPathBelow(name) && !name.includes('/') && !name.startsWith('.')) return name;
  throw fail('source', `${href} does not name a file that can be stored.`);
}

/** The URLs of all parts of a split model; of others its own. */
function partUrls(url: URL): URL[] {
  const [, part, count] = /-(\d{5})-of-(\d{5})\.gguf$/i.exec(url.pathname) ?? [];
  if (part === undefined || count === undefined) return [url];
  if (Number(count) > MAX_PARTS)
    throw fail('source', `${url.href} has more than ${MAX_PARTS} parts.`);
  return Array.from({ length: Number(count) }, (_, index) => {
    const other = new URL(url.href);
    const number = String(index + 1).padStart(5, '0');
    other.pathname = url.pathname.replace(/-\d{5}(-of-\d{5}\.gguf)$/i, `-${number}$1`);
    return other;
  });
}

/** Removes what is left of other versions of the file. */
async function removeOtherPartials(partialPath: string, name: string): Promise<void> {
  const folder = dirname(partialPath);
  for (const other of await readdir(folder).catch(() => [])) {
    const path = join(folder, other);
    const isPartial = other.startsWith(`${name}.`) && other.endsWith(PARTIAL_SUFFIX);
    if (isPartial && path !== partialPath) await rm(path, { force: true });
  }
}

/**
 * The files of an `https:` source: one, or all parts of a split model.
 *
 * They are stored as `models_dir/https--<host>/<hash of URL and version>/<name>`.
 *
 * @throws CortexError `model_load_failed`; errors of the client
 */
export async function planWebPull(
  { client, modelsDir }: { readonly client: WebClient; readonly modelsDir: string },
  { source, quant }: { readonly source: WebSource; readonly quant?: string | undefined },
  signal: AbortSignal,
): Promise<PullPlan> {
  const named = quantOfName(fileName(source.url).replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, ''));
  if (named !== undefined && quant !== undefined && !sameQuant(named, quant)) {
    throw fail('quant', `${source.url.href} is ${named}, not ${quant}.`);
  }
  const urls = partUrls(source.url);
  // All parts are in one folder, where the engine looks for them.
  let folder: string | undefined;
  const files: PlannedFile[] = [];
  for (const url of urls) {
    const { sizeBytes, etag } = await describe(client, url, signal);
    const version = etag === undefined ? undefined : shortHash(etag);
    folder ??= join(
      modelsDir,
      `https--${url.hostname.replaceAll(/[^a-z0-9.-]/gi, '_')}`,
      shortHash(`${source.url.href} ${etag ?? ''}`),
    );
    const name = fileName(url);
    const path = join(folder, name);
    const partialPath = `${path}.${version ?? 'unversioned'}${PARTIAL_SUFFIX}`;
    await removeOtherPartials(partialPath, name);
    files.push({
      remote: {
        name: url.href,
        fileName: name,
        sizeBytes,
        version,
        open: (range, openSignal) =>
          openRange(client, { url: url.href, signal: openSignal }, range, etag),
      },
      path,
      partialPath,
      install: () => Promise.resolve(path),
    });
  }
  return { files, parts: files.length, quant: named };
}

async function describe(client: WebClient, url: URL, signal: AbortSignal) {
  const response = await client.get({ url: url.href, headers: { range: 'bytes=0-0' }, signal });
  const { sizeBytes, etag } = describeAnswer(response);
  await response.body?.cancel();
  if (sizeBytes !== undefined) return { sizeBytes, etag };
  throw fail(
    'source',
    `${url.href} cannot be pulled, because its server does not say how large it is.`,
  );
}

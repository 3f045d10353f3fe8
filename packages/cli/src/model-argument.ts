/** A model as a command takes it: an id, or a source to pull it from. */

export interface ModelArgument {
  readonly model: string;
  readonly source?: string | undefined;
  readonly quant?: string | undefined;
}

/**
 * Reads `id`, `hf:org/repo[@revision][:QUANT]`, `hf:org/repo:file.gguf` or `https://host/file.gguf`.
 *
 * A model from a source is named for its repository, or for its file without `.gguf`.
 */
export function parseModelArgument(text: string): ModelArgument {
  if (/^https:/i.test(text)) {
    const name = text.replace(/[?#].*$/, '').replace(/^.*\//, '');
    return { model: name.replace(/(?:-\d{5}-of-\d{5})?\.gguf$/i, ''), source: text };
  }
  const [, repository, revision = '', tail] = /^hf:([^@:]+)(@[^:]+)?(?::(.+))?$/.exec(text) ?? [];
  if (repository === undefined) return { model: text };
  const isFile = tail !== undefined && /\.gguf$/i.test(tail);
  return {
    model: repository,
    source: `hf:${repository}${revision}${isFile ? `:${tail}` : ''}`,
    ...(tail !== undefined && !isFile && { quant: tail }),
  };
}

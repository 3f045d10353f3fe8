/** Names of models. In Ollama's API each has a tag, and `name` means `name:latest`. */

const LATEST = ':latest';

/** Whether the last part of a name has a tag: `qwen3:8b`, `org/model:Q4_K_M`. */
const hasTag = (name: string): boolean => name.includes(':', name.lastIndexOf('/') + 1);

/** The other spelling of a name; undefined for a name with another tag than `latest`. */
export function otherSpelling(name: string): string | undefined {
  if (name.endsWith(LATEST)) return name.slice(0, -LATEST.length);
  return hasTag(name) ? undefined : name + LATEST;
}

/**
 * The name under which a model is listed. Clients split names at the tag, so each has one, unless the fleet also has
 * a model with exactly that name.
 *
 * @param others - All names that are listed.
 */
export function toOllamaName(id: string, others: ReadonlySet<string>): string {
  const tagged = id + LATEST;
  return hasTag(id) || others.has(tagged) ? id : tagged;
}

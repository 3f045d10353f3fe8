import {
  ANTHROPIC_PREFIX,
  describeModel,
  type FleetSnapshot,
  type ListOptions,
} from '@cortex/fleet';
import { type ListedModel } from '@cortex/protocol';

/** A model as Anthropic's `GET /v1/models` shows it. Unknown limits are absent. */
export function toAnthropicModel({ id, created, limit }: ListedModel) {
  return {
    type: 'model',
    id,
    display_name: id,
    created_at: new Date(created * 1000).toISOString(),
    max_input_tokens: limit?.input ?? limit?.context,
    max_tokens: limit?.output,
  };
}

/** Claude Code offers only ids that begin like this. */
const isOffered = (id: string): boolean => id.startsWith('claude') || id.startsWith('anthropic');

/**
 * Anthropic's list of `models`, ordered by id. Each model has a second entry with the prefix `anthropic/`, and aliases
 * with names like those of Anthropic are added even if they are not listed.
 */
export function anthropicModels(
  snapshot: FleetSnapshot,
  models: readonly ListedModel[],
  options: ListOptions,
) {
  const aliases = [...snapshot.aliases.exact.keys()].filter((name) => name.startsWith('claude-'));
  const prefixed = models
    .filter(({ id }) => !isOffered(id))
    .map(({ id }) => `${ANTHROPIC_PREFIX}${id}`);
  const shown = new Set(models.map(({ id }) => id));
  const added = [...new Set([...aliases, ...prefixed])]
    .filter((name) => !shown.has(name))
    .flatMap((name) => describeModel(snapshot, name, options) ?? []);
  return [...models, ...added].toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(toAnthropicModel);
}

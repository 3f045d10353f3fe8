import { familyOf, type ListedModel } from '@cortex/protocol';

/** The names of capabilities in LM Studio's API. */
const CAPABILITIES: ReadonlyMap<string, string> = new Map([
  ['tools', 'tool_use'],
  ['vision', 'vision'],
]);

function typeOf({ capabilities }: ListedModel): 'llm' | 'vlm' | 'embeddings' {
  if (capabilities.includes('vision')) return 'vlm';
  return capabilities.includes('embedding') && !capabilities.includes('text')
    ? 'embeddings'
    : 'llm';
}

function stateOf({ loaded, status }: ListedModel): 'loaded' | 'loading' | 'not-loaded' {
  if (loaded) return 'loaded';
  return ['loading', 'pulling', 'recovering'].includes(status.value) ? 'loading' : 'not-loaded';
}

/**
 * A model as LM Studio's `GET /api/v0/models` shows it. Unknown values are absent, except where editors refuse the whole
 * list without a value: `publisher` and `compatibility_type`.
 */
export function toLmStudioModel(model: ListedModel) {
  const { id, root, quantization, limit } = model;
  const state = stateOf(model);
  return {
    id,
    object: 'model',
    type: typeOf(model),
    publisher: id.includes('/') ? id.slice(0, id.indexOf('/')) : 'cortex',
    // Nodes do not report the architecture, so it is the family by the name of the model.
    arch: familyOf(root ?? id),
    compatibility_type: 'gguf',
    quantization,
    state,
    max_context_length: limit?.context,
    loaded_context_length: state === 'loaded' ? limit?.context : undefined,
    capabilities: model.capabilities.flatMap((name) => CAPABILITIES.get(name) ?? []),
  };
}

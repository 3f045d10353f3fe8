import { join } from 'node:path';

import { type ListedModel } from '@cortex/protocol';

import { configFolder } from '../folders.ts';
import { type JsonObject } from '../json-value.ts';
import { keyOf, openAiUrl, type Tool } from '../tool.ts';

/** An entry of Zed, which requires the length of the context; none if it is unknown. */
const toEntry = ({ id, limit, capabilities }: ListedModel): JsonObject[] =>
  limit === undefined
    ? []
    : [
        {
          name: id,
          display_name: id,
          max_tokens: limit.context,
          max_output_tokens: limit.output,
          capabilities: {
            tools: capabilities.includes('tools'),
            images: capabilities.includes('vision'),
            parallel_tool_calls: capabilities.includes('tools'),
            prompt_cache_key: true,
          },
        },
      ];

export const zed: Tool = {
  title: 'Zed',
  about: 'an editor with an agent',
  api: 'openai',
  lackOf: ({ limit }) =>
    limit === undefined ? 'its context length is known after its first load' : undefined,
  files: [
    {
      format: 'jsonc',
      path: (env) => join(configFolder(env), 'zed', 'settings.json'),
      settings: (access) => ({
        agent: { default_model: { provider: 'cortex', model: access.model.id } },
        language_models: {
          openai_compatible: {
            cortex: {
              api_url: openAiUrl(access),
              available_models: access.models.flatMap(toEntry),
            },
          },
        },
      }),
    },
  ],
  notes: (access) => [
    `start Zed with CORTEX_API_KEY=${keyOf(access)} in its environment, or enter that key in the settings of the provider`,
  ],
};

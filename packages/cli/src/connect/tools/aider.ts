import { join } from 'node:path';

import { homeFolder } from '../folders.ts';
import { type Access, keyOf, openAiUrl, type Tool } from '../tool.ts';

/** aider takes what is before the slash for the API. */
const modelName = ({ model }: Access): string => `openai/${model.id}`;

export const aider: Tool = {
  title: 'aider',
  about: 'pair programming in the terminal',
  api: 'openai',
  files: [
    {
      format: 'yaml',
      path: (env) => join(homeFolder(env), '.aider.conf.yml'),
      settings: (access) => ({
        model: modelName(access),
        'openai-api-base': openAiUrl(access),
        'openai-api-key': keyOf(access),
      }),
    },
    {
      format: 'jsonc',
      path: (env) => join(homeFolder(env), '.aider.model.metadata.json'),
      settings: (access) => {
        const { limit } = access.model;
        return limit === undefined
          ? {}
          : {
              [modelName(access)]: {
                litellm_provider: 'openai',
                mode: 'chat',
                max_input_tokens: limit.input ?? limit.context,
                max_output_tokens: limit.output,
                input_cost_per_token: 0,
                output_cost_per_token: 0,
              },
            };
      },
    },
  ],
};

import { join } from 'node:path';

import { homeFolder } from '../folders.ts';
import { openAiUrl, type Tool } from '../tool.ts';

/** The variable in which Codex finds the key. */
const KEY_VARIABLE = 'CORTEX_API_KEY';

export const codex: Tool = {
  title: 'Codex',
  about: "OpenAI's agent for the terminal",
  api: 'responses',
  files: [
    {
      format: 'toml',
      path: (env) => join(env['CODEX_HOME'] || join(homeFolder(env), '.codex'), 'config.toml'),
      settings: (access) => ({
        model: access.model.id,
        model_provider: 'cortex',
        ...(access.model.limit && { model_context_window: access.model.limit.context }),
        model_providers: {
          cortex: {
            name: 'cortex',
            base_url: openAiUrl(access),
            wire_api: 'responses',
            ...(access.key !== undefined && { env_key: KEY_VARIABLE }),
          },
        },
      }),
    },
  ],
  notes: ({ key }) => (key === undefined ? [] : [`Codex reads the key from ${KEY_VARIABLE}`]),
};

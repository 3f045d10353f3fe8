import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { type ListedModel } from '@cortex/protocol';

import { configFolder } from '../folders.ts';
import { type JsonObject } from '../json-value.ts';
import { type Access, keyOf, openAiUrl, type Tool } from '../tool.ts';

/** Its global files, in the order in which it looks for the one to change. */
const FILES = ['opencode.jsonc', 'opencode.json', 'config.json'] as const;

const toEntry = ({ id, limit, capabilities }: ListedModel): JsonObject => ({
  name: id,
  ...(limit && { limit: { context: limit.context, output: limit.output } }),
  ...(capabilities.length > 0 && { tool_call: capabilities.includes('tools') }),
  ...(capabilities.includes('reasoning') && { reasoning: true }),
  ...(capabilities.includes('vision') && {
    attachment: true,
    modalities: { input: ['text', 'image'], output: ['text'] },
  }),
});

const settings = (access: Access): JsonObject => ({
  model: `cortex/${access.model.id}`,
  provider: {
    cortex: {
      npm: '@ai-sdk/openai-compatible',
      name: 'cortex',
      options: { baseURL: openAiUrl(access), apiKey: keyOf(access) },
      models: Object.fromEntries(access.models.map((model) => [model.id, toEntry(model)])),
    },
  },
});

export const opencode: Tool = {
  title: 'opencode',
  about: 'an agent for the terminal',
  api: 'openai',
  files: [
    {
      format: 'jsonc',
      path: (env) => {
        const folder = join(configFolder(env), 'opencode');
        const present = FILES.find((name) => existsSync(join(folder, name)));
        return join(folder, present ?? FILES[0]);
      },
      settings,
      defaults: { $schema: 'https://opencode.ai/config.json' },
    },
  ],
};

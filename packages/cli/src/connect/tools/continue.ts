import { join } from 'node:path';

import { type ListedModel } from '@cortex/protocol';

import { homeFolder } from '../folders.ts';
import { type JsonObject } from '../json-value.ts';
import { type Access, keyOf, openAiUrl, type Tool } from '../tool.ts';

const capabilitiesOf = ({ capabilities }: ListedModel): string[] => [
  ...(capabilities.includes('tools') ? ['tool_use'] : []),
  ...(capabilities.includes('vision') ? ['image_input'] : []),
];

const toEntry = (model: ListedModel, access: Access): JsonObject => {
  const capabilities = capabilitiesOf(model);
  return {
    name: `cortex: ${model.id}`,
    provider: 'openai',
    model: model.id,
    apiBase: openAiUrl(access),
    apiKey: keyOf(access),
    roles: ['chat', 'edit', 'apply'],
    ...(capabilities.length > 0 && { capabilities }),
    ...(model.limit && {
      defaultCompletionOptions: {
        contextLength: model.limit.context,
        maxTokens: model.limit.output,
      },
    }),
  };
};

export const continueDev: Tool = {
  title: 'Continue',
  about: 'an assistant for VS Code and JetBrains',
  api: 'openai',
  files: [
    {
      format: 'yaml',
      path: (env) =>
        join(env['CONTINUE_GLOBAL_DIR'] || join(homeFolder(env), '.continue'), 'config.yaml'),
      settings: (access) => ({ models: access.models.map((model) => toEntry(model, access)) }),
      defaults: { name: 'cortex', version: '0.0.1', schema: 'v1' },
      listKey: 'name',
    },
  ],
};

import { type ListedModel } from '@cortex/protocol';

import { type JsonObject } from '../json-value.ts';
import { type Access, keyOf, openAiUrl, type Tool } from '../tool.ts';

/** VS Code takes the sum of both numbers for the context. */
const inputTokens = ({ context, input, output }: NonNullable<ListedModel['limit']>): number =>
  input ?? (output < context ? context - output : context);

const toEntry = ({ id, limit, capabilities }: ListedModel, access: Access): JsonObject => ({
  id,
  name: id,
  url: `${openAiUrl(access)}/chat/completions`,
  toolCalling: capabilities.includes('tools'),
  vision: capabilities.includes('vision'),
  ...(limit && { maxInputTokens: inputTokens(limit), maxOutputTokens: limit.output }),
});

const text = (access: Access): string =>
  `1. Open the command palette and run "Chat: Manage Language Models".
2. Choose "Add Models", then "Custom Endpoint". Name the group cortex, and enter the API key ${keyOf(access)}
   and the API type "Chat Completions".
3. VS Code opens chatLanguageModels.json. Give the entry "cortex" these models, and save:
${JSON.stringify({ models: access.models.map((model) => toEntry(model, access)) }, null, 2)}
4. Choose ${access.model.id} in the model picker of the chat.`;

export const vscode: Tool = {
  title: 'VS Code',
  about: 'the chat of Visual Studio Code',
  api: 'openai',
  target: 'do this in VS Code',
  text,
  notWritable: 'VS Code keeps the key of a provider in its own key store',
};

import { keyOf, openAiUrl, type Tool } from '../tool.ts';

export const cline: Tool = {
  title: 'Cline',
  about: 'an agent for VS Code and JetBrains',
  api: 'openai',
  target: 'enter this in the settings of Cline',
  text: (access) => {
    const { id, limit, capabilities } = access.model;
    return [
      'API Provider:       OpenAI Compatible',
      `Base URL:           ${openAiUrl(access)}`,
      `API Key:            ${keyOf(access)}`,
      `Model ID:           ${id}`,
      ...(limit
        ? [`Context Window:     ${limit.context}`, `Max Output Tokens:  ${limit.output}`]
        : []),
      `Supports Images:    ${capabilities.includes('vision') ? 'yes' : 'no'}`,
    ].join('\n');
  },
  notWritable: 'Cline keeps its settings and the key in the storage of the editor',
};

import { toExports } from '../shell-word.ts';
import { keyOf, openAiUrl, type Tool } from '../tool.ts';

export const openAiSdk: Tool = {
  about: 'the OpenAI SDKs, and programs that read their variables',
  api: 'openai',
  target: 'run this in the shell that starts the program',
  text: (access) =>
    toExports({ OPENAI_BASE_URL: openAiUrl(access), OPENAI_API_KEY: keyOf(access) }),
  notWritable: 'the SDKs read the environment and no file',
};

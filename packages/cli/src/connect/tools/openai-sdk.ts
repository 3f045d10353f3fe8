import { toExports } from '../shell-exports.ts';
import { keyOf, openAiUrl, type Tool } from '../tool.ts';

export const openAiSdk: Tool = {
  title: 'OpenAI SDKs',
  about: 'libraries, and programs that read their variables',
  api: 'openai',
  target: 'run this in the shell that starts the program',
  text: (access) =>
    toExports({ OPENAI_BASE_URL: openAiUrl(access), OPENAI_API_KEY: keyOf(access) }),
  notWritable: 'the SDKs read the environment and no file',
};

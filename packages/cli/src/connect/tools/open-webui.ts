import { toExports } from '../shell-exports.ts';
import { keyOf, openAiUrl, type Tool } from '../tool.ts';

export const openWebui: Tool = {
  title: 'Open WebUI',
  about: 'a chat in the browser',
  api: 'openai',
  target: 'run this in the shell that starts Open WebUI',
  text: (access) =>
    toExports({
      ENABLE_OPENAI_API: 'true',
      OPENAI_API_BASE_URL: openAiUrl(access),
      OPENAI_API_KEY: keyOf(access),
      DEFAULT_MODELS: access.model.id,
    }),
  notWritable: 'Open WebUI keeps its settings in its database',
  notes: ({ url }) => [
    'Open WebUI reads these variables at its first start only; later, enter the same under Admin Settings, Connections',
    ...(/^127\.|^localhost$|^\[::1\]$/.test(new URL(url).hostname)
      ? [
          'in a container, 127.0.0.1 is the container itself: start the gateway with --lan and use the address of this machine',
        ]
      : []),
  ],
};

import { type ListedModel } from '@cortex/protocol';

/** What a program needs to know to use the gateway. */
export interface Access {
  /** Base URL of the OpenAI API: `http://127.0.0.1:31313/v1`. */
  readonly baseUrl: string;
  /** Models that answer chats, the one for examples first. */
  readonly models: readonly ListedModel[];
}

/** The settings of one program. */
export interface ClientSettings {
  readonly about: string;
  /** Where the text belongs: a file or a shell. */
  readonly target: string;
  readonly format: (access: Access) => string;
  /** The settings as members of its JSON file in the current folder, for programs whose file `--write` changes. */
  readonly file?: { readonly name: string; readonly members: (access: Access) => JsonObject };
  /** Why a model is left out; undefined if it is not. */
  readonly lackOf?: (model: ListedModel) => string | undefined;
}

export type JsonObject = { readonly [key: string]: JsonValue };
type JsonValue = string | number | boolean | JsonObject | readonly JsonValue[];

/** The gateway accepts any key, but the programs insist on one. */
const ANY_KEY = 'none';

const toJson = (value: JsonObject): string => JSON.stringify(value, null, 2);

/** A word of a shell command. */
const toWord = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;

function opencodeMembers({ baseUrl, models }: Access): JsonObject {
  const entries = models.map(({ id, limit }) => [
    id,
    limit === undefined
      ? { name: id }
      : { name: id, limit: { context: limit.context, output: limit.output } },
  ]);
  return {
    $schema: 'https://opencode.ai/config.json',
    provider: {
      cortex: {
        npm: '@ai-sdk/openai-compatible',
        name: 'cortex',
        options: { baseURL: baseUrl },
        models: Object.fromEntries(entries),
      },
    },
  };
}

const opencode: ClientSettings = {
  about: 'opencode, an agent for the terminal',
  target: 'opencode.json, or ~/.config/opencode/opencode.json',
  format: (access) => toJson(opencodeMembers(access)),
  file: { name: 'opencode.json', members: opencodeMembers },
};

/** An entry of Zed, which requires the length of the context; none if it is unknown. */
const zedModel = ({ id, limit, capabilities }: ListedModel): JsonObject[] =>
  limit === undefined
    ? []
    : [
        {
          name: id,
          display_name: id,
          max_tokens: limit.context,
          capabilities: {
            tools: capabilities.includes('tools'),
            images: capabilities.includes('vision'),
            parallel_tool_calls: capabilities.includes('tools'),
            prompt_cache_key: true,
          },
        },
      ];

const zed: ClientSettings = {
  about: 'the editor Zed',
  target: `settings.json of Zed; start Zed with CORTEX_API_KEY=${ANY_KEY}`,
  lackOf: ({ limit }) =>
    limit === undefined ? 'its context length is known after its first load' : undefined,
  format: ({ baseUrl, models }) =>
    toJson({
      language_models: {
        openai_compatible: {
          cortex: {
            api_url: baseUrl,
            available_models: models.flatMap(zedModel),
          },
        },
      },
    }),
};

const continueDev: ClientSettings = {
  about: 'Continue, for VS Code and JetBrains',
  target: '~/.continue/config.yaml',
  // A JSON text is a YAML text.
  format: ({ baseUrl, models }) =>
    [
      'name: cortex',
      'version: 0.0.1',
      'schema: v1',
      'models:',
      ...models.flatMap(({ id }) => [
        `  - name: ${JSON.stringify(id)}`,
        '    provider: openai',
        `    model: ${JSON.stringify(id)}`,
        `    apiBase: ${JSON.stringify(baseUrl)}`,
        `    apiKey: ${ANY_KEY}`,
      ]),
    ].join('\n'),
};

const aider: ClientSettings = {
  about: 'aider, pair programming in the terminal',
  target: 'a shell',
  format: ({ baseUrl, models: [model] }) =>
    [
      `export OPENAI_API_BASE=${toWord(baseUrl)}`,
      `export OPENAI_API_KEY=${ANY_KEY}`,
      `aider --model ${toWord(`openai/${model?.id ?? 'MODEL'}`)}`,
    ].join('\n'),
};

const openai: ClientSettings = {
  about: 'the OpenAI SDKs, and programs that read their variables',
  target: 'a shell',
  format: ({ baseUrl }) =>
    [`export OPENAI_BASE_URL=${toWord(baseUrl)}`, `export OPENAI_API_KEY=${ANY_KEY}`].join('\n'),
};

/** The programs that `cortex connect` knows. */
export const CLIENT_NAMES = ['opencode', 'zed', 'continue', 'aider', 'openai'] as const;

export const CLIENTS: Readonly<Record<(typeof CLIENT_NAMES)[number], ClientSettings>> = {
  opencode,
  zed,
  continue: continueDev,
  aider,
  openai,
};

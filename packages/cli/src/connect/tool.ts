import { type ListedModel } from '@cortex/protocol';

import { type Api } from './apis.ts';
import { type JsonObject } from './json-value.ts';

/** What a program needs to know to use the gateway. */
export interface Access {
  /** URL of the gateway, without `/v1`. */
  readonly url: string;
  /** The model that the program uses, as its settings name it. */
  readonly model: ListedModel;
  /** The id of the model that this name stands for. */
  readonly root: string;
  /** The models that answer chats, the chosen one first, for programs that let the user choose. */
  readonly models: readonly ListedModel[];
  /** Absent: the gateway accepts any key. */
  readonly key?: string | undefined;
}

/** The environment, which says where a program has its files. */
export type Env = Readonly<Record<string, string | undefined>>;

export type Format = 'jsonc' | 'toml' | 'yaml';

/** A file of a program that `--write` edits. */
export interface SettingsFile {
  readonly format: Format;
  readonly path: (env: Env) => string;
  readonly settings: (access: Access) => JsonObject;
  /** Top-level settings that only a file without them gets. */
  readonly defaults?: JsonObject;
  /** The member that identifies an entry of its lists. */
  readonly listKey?: string;
}

interface Described {
  /** `Claude Code`. */
  readonly title: string;
  /** What it is, after its title. */
  readonly about: string;
  readonly api: Api;
  /** What the user has to know besides the settings. */
  readonly notes?: (access: Access) => readonly string[];
  /** Why the program cannot use a model; undefined if it can. */
  readonly lackOf?: (model: ListedModel) => string | undefined;
}

/** A program with files that `--write` edits. */
interface ToolWithFiles extends Described {
  readonly files: readonly SettingsFile[];
}

/** A program whose settings the user enters. */
interface ToolWithSteps extends Described {
  /** What the user does with the text: `run in the shell that starts Open WebUI`. */
  readonly target: string;
  readonly text: (access: Access) => string;
  /** Why `--write` cannot do it. */
  readonly notWritable: string;
}

export type Tool = ToolWithFiles | ToolWithSteps;

/** The key in the settings of programs that insist on one: the gateway accepts any unless it requires one. */
export const keyOf = ({ key }: Access): string => key ?? 'none';

/** Base URL of the OpenAI API. */
export const openAiUrl = ({ url }: Access): string => `${url}/v1`;

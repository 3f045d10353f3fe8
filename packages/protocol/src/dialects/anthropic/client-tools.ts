import type { Tool } from '../neutral/conversation.ts';

/** A tool that Anthropic defines and the client runs. */
type ClientTool = Omit<Tool, 'name'>;

const BASH: ClientTool = {
  description: 'Runs a command in a persistent shell and returns its output.',
  parameters: {
    type: 'object',
    properties: {
      command: { type: 'string', description: 'The command. Required unless restart is true.' },
      restart: { type: 'boolean', description: 'Starts a new shell instead.' },
    },
  },
};

const TEXT_EDITOR: ClientTool = {
  description: 'Views, creates and edits text files.',
  parameters: {
    type: 'object',
    properties: {
      command: { type: 'string', enum: ['view', 'create', 'str_replace', 'insert'] },
      path: { type: 'string', description: 'Path of the file or folder.' },
      file_text: { type: 'string', description: 'For create: the content of the file.' },
      old_str: {
        type: 'string',
        description: 'For str_replace: the text to replace. It must occur exactly once.',
      },
      new_str: { type: 'string', description: 'For str_replace: the new text.' },
      insert_line: {
        type: 'integer',
        description: 'For insert: the line after which to insert; 0 is the start.',
      },
      insert_text: { type: 'string', description: 'For insert: the text.' },
      view_range: {
        type: 'array',
        items: { type: 'integer' },
        description: 'For view: first and last line; -1 is the end.',
      },
    },
    required: ['command', 'path'],
  },
};

const TOOLS: ReadonlyMap<string, ClientTool> = new Map([
  ['bash', BASH],
  ['text_editor', TEXT_EDITOR],
]);

/**
 * What a client means by a type such as `bash_20250124`, for models that do not know it by name; undefined: not known
 * here.
 */
export const clientTool = (type: string): ClientTool | undefined =>
  TOOLS.get(type.replace(/_\d{8}$/, ''));

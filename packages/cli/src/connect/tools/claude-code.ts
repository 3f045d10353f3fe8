import { join } from 'node:path';

import { type ListedModel } from '@cortex/protocol';

import { homeFolder } from '../folders.ts';
import { type Access, keyOf, type Tool } from '../tool.ts';

/** Below this, its instructions and tools leave too little for a conversation. */
const MIN_CONTEXT_TOKENS = 48_000;

/** It asks for these as well as for the chosen model: for summaries, for agents, and by the names of its menu. */
const TIERS = ['OPUS', 'SONNET', 'HAIKU'];

const limitVariables = ({ limit }: ListedModel) => ({
  ...(limit && {
    CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(limit.context),
    CLAUDE_CODE_MAX_OUTPUT_TOKENS: String(limit.output),
  }),
});

/** The name of the model, unless Claude Code would take it for one of Anthropic's, whose context it knows. */
const idOf = ({ model, root }: Access): string =>
  model.id.startsWith('claude-') ? root : model.id;

function variables(access: Access): Record<string, string> {
  const { url, model } = access;
  const id = idOf(access);
  return {
    ANTHROPIC_BASE_URL: url,
    ANTHROPIC_AUTH_TOKEN: keyOf(access),
    ANTHROPIC_MODEL: id,
    ...Object.fromEntries(TIERS.map((tier) => [`ANTHROPIC_DEFAULT_${tier}_MODEL`, id])),
    ...limitVariables(model),
    // It would begin every prompt with a line that changes, so that no cache helps.
    CLAUDE_CODE_ATTRIBUTION_HEADER: '0',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
  };
}

function contextNote({ id, limit }: ListedModel): readonly string[] {
  if (limit === undefined)
    return [
      `the context length of ${id} is known after its first load: run this again then, or now with --check`,
    ];
  return limit.context < MIN_CONTEXT_TOKENS
    ? [
        `${id} has a context of ${limit.context} tokens: Claude Code needs about ${MIN_CONTEXT_TOKENS} for its instructions, tools and a conversation`,
      ]
    : [];
}

const nameNote = ({ root }: Access): readonly string[] =>
  root.startsWith('claude-')
    ? [
        `Claude Code takes ${root} for a model of Anthropic and ignores the context length in its settings: choose a name that does not begin with "claude-"`,
      ]
    : [];

export const claudeCode: Tool = {
  title: 'Claude Code',
  about: "Anthropic's agent for the terminal",
  api: 'anthropic',
  files: [
    {
      format: 'jsonc',
      path: (env) =>
        join(env['CLAUDE_CONFIG_DIR'] || join(homeFolder(env), '.claude'), 'settings.json'),
      // The state of git in the instructions would differ in each conversation.
      settings: (access) => ({ env: variables(access), includeGitInstructions: false }),
    },
  ],
  notes: (access) => [...contextNote(access.model), ...nameNote(access)],
};

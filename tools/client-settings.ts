/**
 * Writes docs/clients.md from the programs that `cortex connect` knows: `node tools/bun.mjs tools/client-settings.ts`. A
 * test compares the result with the checked-in file.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ListedModel } from '@cortex/protocol';
import { format, resolveConfig } from 'prettier';

import { partsOf } from '../packages/cli/src/connect/report.ts';
import { type Access, type Tool } from '../packages/cli/src/connect/tool.ts';
import { TOOL_NAMES, TOOLS } from '../packages/cli/src/connect/tools.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const MODEL = ListedModel.parse({
  id: 'Qwen/Qwen3-8B',
  object: 'model',
  created: 0,
  owned_by: 'cortex',
  loaded: true,
  status: { value: 'loaded' },
  locations: [],
  feasible_on: [],
  capabilities: ['text', 'tools', 'reasoning'],
  limit: { context: 65_536, output: 16_384 },
});

const ACCESS: Access = {
  url: 'http://127.0.0.1:31313',
  model: MODEL,
  root: MODEL.id,
  models: [MODEL],
};

const INTRO = `# Clients

<!-- Written by tools/client-settings.ts from packages/cli/src/connect. Do not edit. -->

\`cortex connect PROGRAM\` prints the settings with which a program uses the gateway, and checks that they work: the
gateway answers, it has the model, and the model answers one token in the API that the program speaks. \`cortex connect\`
alone lists the programs.

\`\`\`sh
cortex connect claude-code                       # check, and print the settings
cortex connect claude-code --write               # check, and add them to the file of the program
cortex connect codex --model Qwen/Qwen3-8B -u http://gateway:31313
\`\`\`

- The model is that of \`--model\` (an id, an alias or \`id@node\`), otherwise that of the alias \`default\`, otherwise the
  only one. A model that is not loaded is not asked, unless \`--check\` loads it.
- \`--write\` keeps everything else in a file, comments too. The file as it was stays beside it as \`FILE.before-cortex\`,
  and the command prints its name. A second run changes nothing. A file that cannot be parsed is not changed: the error
  names file and line. \`--dry-run\` prints the files as they would be.
- Programs that insist on a key get \`none\`, because the gateway accepts any. If a proxy in front of it requires one, set
  \`CORTEX_API_KEY\`: the checks send it, and the settings contain or name it.
- Only the settings go to standard output; checks and notes go to standard error. \`--json\` prints one document with
  all of them. The exit code is 0, 1 if a check failed or a file could not be written, or 2 for a usage error.

The sections below show the settings for a gateway on this machine whose only model is \`${MODEL.id}\`. Folders that a
variable moves (\`XDG_CONFIG_HOME\`, \`CLAUDE_CONFIG_DIR\`, \`CODEX_HOME\`, \`CONTINUE_GLOBAL_DIR\`) are found there.
`;

/** What a reader asks about the settings of a program. */
const REMARKS: Partial<Record<(typeof TOOL_NAMES)[number], string>> = {
  'claude-code': `Each tier of its menu is the same model, because Claude Code asks for small models by the name of a tier. The limits keep it
from filling the context of the model. Without the attribution header and the state of git, its prompts begin alike, so
that nodes can reuse what they have computed. \`connect\` warns about models with a context below 48,000 tokens.`,
  codex: 'Codex finds the length of the context only here: it knows no models but its own.',
  zed: 'Zed requires the length of the context, which cortex knows after the first load of a model.',
  aider:
    'The second file has the limits of the model. aider merges both with those of a repository.',
};

const LANGUAGES = { jsonc: 'json', toml: 'toml', yaml: 'yaml' } as const;

function languagesOf(tool: Tool): readonly string[] {
  if ('files' in tool) return tool.files.map((file) => LANGUAGES[file.format]);
  return [tool.text(ACCESS).startsWith('export ') ? 'sh' : 'text'];
}

function section(name: (typeof TOOL_NAMES)[number]): string {
  const tool = TOOLS[name];
  const languages = languagesOf(tool);
  const parts = partsOf(tool, ACCESS, { HOME: '~' }).map(({ target, text }, index) => {
    const heading =
      'files' in tool ? `\`${target}\`` : `${target[0]?.toUpperCase()}${target.slice(1)}`;
    return `${heading}:\n\n\`\`\`${languages[index]}\n${text}\n\`\`\``;
  });
  const remarks = [
    REMARKS[name],
    ...('files' in tool ? [] : [`\`--write\` cannot do it: ${tool.notWritable}.`]),
    ...(tool.notes?.(ACCESS) ?? []).map((note) => `${note[0]?.toUpperCase()}${note.slice(1)}.`),
  ].filter((text) => text !== undefined);
  return [
    `## ${tool.title}`,
    `\`cortex connect ${name}\` (${tool.about}).`,
    ...parts,
    ...remarks,
  ].join('\n\n');
}

const FILE = join(ROOT, 'docs', 'clients.md');

/** The text of docs/clients.md. */
export async function renderClientSettings(): Promise<string> {
  const text = `${INTRO}\n${TOOL_NAMES.map(section).join('\n\n')}\n`;
  return format(text, { ...(await resolveConfig(FILE)), parser: 'markdown' });
}

if (import.meta.main) writeFileSync(FILE, await renderClientSettings());

import { Argument, Command } from '@commander-js/extra-typings';

import { type Env } from '../connect/tool.ts';
import { TOOL_NAMES, TOOLS } from '../connect/tools.ts';
import { formatTable } from '../output/format-table.ts';
import { type ClientContext, jsonOption, urlOption } from './context.ts';

const listTools = () =>
  TOOL_NAMES.map((name) => {
    const tool = TOOLS[name];
    const { title, about } = tool;
    return { name, about: `${title}, ${about}`, writable: 'files' in tool };
  });

/** `cortex connect`: the settings with which another program uses the gateway. */
export function connectCommand(context: ClientContext, env: Env) {
  const { terminal } = context;
  return new Command('connect')
    .summary('Set up an editor, agent or chat to use the gateway.')
    .description(
      'Check that the gateway serves the API of a program, and print the settings for the program. Without a program, list the known ones.',
    )
    .addArgument(new Argument('[program]', 'program to set up').choices(TOOL_NAMES))
    .option('--model <id>', 'model that it uses; default: the alias "default", or the only model')
    .option(
      '--write',
      'add the settings to the files of the program, and keep a copy of each',
      false,
    )
    .option('--dry-run', 'print the files as --write would leave them', false)
    .option('--check', 'load the model if it is not loaded, and ask it', false)
    .addOption(urlOption())
    .addOption(jsonOption())
    .action(async (name, options) => {
      if (name !== undefined) {
        // The parsers of the files that it edits are not loaded with each command, nor by the gateway.
        const { connectTool } = await import('./connect-tool.ts');
        return connectTool(name, options, { ...context, env });
      }
      const tools = listTools();
      if (options.json) return terminal.print(JSON.stringify(tools, null, 2));
      const rows = tools.map((tool) => [tool.name, tool.writable ? 'yes' : 'no', tool.about]);
      return terminal.print(formatTable(['PROGRAM', '--write', 'WHAT IT IS'], rows));
    });
}

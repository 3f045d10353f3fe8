import { Argument, Command } from '@commander-js/extra-typings';

import { CliError } from '../cli-error.ts';
import { chatModels, noModels } from '../client/chat-models.ts';
import {
  type Access,
  CLIENT_NAMES,
  CLIENTS,
  type ClientSettings,
} from '../connect/client-settings.ts';
import { mergeIntoFile } from '../connect/merge-file.ts';
import { formatTable } from '../output/format-table.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { type ClientContext, urlOption } from './context.ts';

const formatClients = (): string =>
  formatTable(
    ['CLIENT', 'WHAT IT IS'],
    CLIENT_NAMES.map((name) => [name, CLIENTS[name].about]),
  );

/** `access` without the models that the settings of the client cannot describe. Reports each of those. */
function withoutLacking(
  access: Access,
  { lackOf }: ClientSettings,
  warn: (text: string) => void,
): Access {
  const models = access.models.filter((model) => {
    const lack = lackOf?.(model);
    if (lack !== undefined) warn(`${model.id} is left out: ${lack}`);
    return lack === undefined;
  });
  return { ...access, models };
}

function print(
  { target, format }: ClientSettings,
  access: Access,
  { terminal, paint }: { readonly terminal: Terminal; readonly paint: Paint },
): void {
  if (terminal.isInteractive) terminal.print(paint('dim', `For ${target}:\n`));
  terminal.print(format(access));
}

/** `cortex connect`: the settings with which another program uses the gateway. */
export function connectCommand({ connect, terminal, paint }: ClientContext) {
  return new Command('connect')
    .summary('Print the settings with which an editor or agent uses the gateway.')
    .description(
      'Print the settings with which an editor or agent uses the gateway. Without a client, list the known ones.',
    )
    .addArgument(new Argument('[client]', 'program to connect').choices(CLIENT_NAMES))
    .option('--write', 'add the settings to the file of the program in this folder', false)
    .addOption(urlOption())
    .action(async (name, { url, write }) => {
      if (name === undefined) return terminal.print(formatClients());
      const settings = CLIENTS[name];
      if (write && settings.file === undefined)
        throw new CliError(
          `the settings of ${name} belong to ${settings.target}: run it without --write`,
          {
            exitCode: 2,
          },
        );
      const client = connect(url);
      const models = await chatModels(client);
      if (models.length === 0) throw noModels();
      const access = withoutLacking({ baseUrl: `${client.url}/v1`, models }, settings, (text) =>
        terminal.warn(paint('yellow', text)),
      );
      if (!write || settings.file === undefined)
        return print(settings, access, { terminal, paint });
      const path = mergeIntoFile(settings.file.name, settings.file.members(access));
      return terminal.print(`${path} now has the provider "cortex".`);
    });
}

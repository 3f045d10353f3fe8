import { Command } from '@commander-js/extra-typings';

import { isLoopbackUrl } from '../client/proxy-for.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex join-token`: a token with which one node joins the fleet. */
export function joinTokenCommand({ connect, terminal }: ClientContext) {
  return new Command('join-token')
    .description('Make a token with which one node joins the fleet ("neuron join"), once.')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async ({ url: given, keyFile, json }) => {
      const client = connect(given, keyFile);
      const { token, expires_in_s: seconds } = await client.joinToken();
      const { url } = client;
      const command = `neuron join ${url} ${token}`;
      if (json) {
        const document = { token, expires_in_s: seconds, url, command };
        return terminal.print(JSON.stringify(document, null, 2));
      }
      terminal.print(
        `Token: ${token}\nIt is valid once, within ${Math.round(seconds / 60)} minutes. Run on the node:\n\n${command}`,
      );
      if (isLoopbackUrl(url)) {
        terminal.print(
          `\nOn another machine, write the name or address of this one instead of ${new URL(url).hostname}. gateway.listen must not be a loopback address then.`,
        );
      }
      return undefined;
    });
}

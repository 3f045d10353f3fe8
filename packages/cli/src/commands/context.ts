import { InvalidArgumentError, Option } from '@commander-js/extra-typings';

import { DEFAULT_URL } from '../client/default-url.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';

/** The dependencies of the commands that call a gateway. */
export interface ClientContext {
  /** A client of the gateway at `url`; `keyFile` is what `--key-file` named. */
  readonly connect: (url: string, keyFile?: string) => GatewayClient;
  readonly terminal: Terminal;
  readonly paint: Paint;
}

/** @throws InvalidArgumentError, which commander completes with the option or the variable that gave `text`. */
function parseUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new InvalidArgumentError(`It must be the URL of a gateway, such as ${DEFAULT_URL}.`);
  const { username, password, search, hash } = url;
  if (username || password || search || hash)
    throw new InvalidArgumentError(
      `It must have no user name, query or fragment: write ${url.origin}.`,
    );
  return text;
}

/** `--url`, otherwise `CORTEX_URL`, otherwise this machine. */
export const urlOption = () =>
  new Option('-u, --url <url>', 'URL of the gateway')
    .env('CORTEX_URL')
    .argParser(parseUrl)
    .default(DEFAULT_URL);

/** `--key-file`, for commands that call the admin API. */
export const keyFileOption = () =>
  new Option(
    '--key-file <path>',
    'file with the admin key; default: CORTEX_ADMIN_KEY, CORTEX_ADMIN_KEY_FILE, or admin.key in the state folder',
  );

/** `--json`: one JSON document on standard output, for scripts. */
export const jsonOption = () => new Option('--json', 'print JSON').default(false);

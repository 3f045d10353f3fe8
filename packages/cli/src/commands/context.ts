import { InvalidArgumentError, Option } from '@commander-js/extra-typings';

import { DEFAULT_URL } from '../client/default-url.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';

/** What the commands that ask a gateway are given. */
export interface ClientContext {
  /** A client of the gateway at `url`; `keyFile` is what `--key-file` named. */
  readonly connect: (url: string, keyFile?: string) => GatewayClient;
  readonly terminal: Terminal;
  readonly paint: Paint;
}

/** @throws InvalidArgumentError, which commander completes with the option or the variable that gave `text`. */
function parseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.hostname !== '') return text;
  throw new InvalidArgumentError(`It must be the URL of a gateway, as ${DEFAULT_URL}.`);
}

/** `--url`, else `CORTEX_URL`, else this machine. */
export const urlOption = () =>
  new Option('--url <url>', 'gateway to ask')
    .env('CORTEX_URL')
    .argParser(parseUrl)
    .default(DEFAULT_URL);

/** `--key-file`, of the commands that call the admin API. */
export const keyFileOption = () =>
  new Option(
    '--key-file <path>',
    'file with the admin key; default: CORTEX_ADMIN_KEY, CORTEX_ADMIN_KEY_FILE, or admin.key in the state folder of this machine',
  );

/** `--json`: one JSON document on standard output, for scripts. */
export const jsonOption = () => new Option('--json', 'print JSON, for scripts').default(false);

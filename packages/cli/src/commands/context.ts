import { Option } from '@commander-js/extra-typings';

import { type GatewayClient } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';

/** What the commands that ask a gateway are given. */
export interface ClientContext {
  readonly connect: (url: string) => GatewayClient;
  readonly terminal: Terminal;
  readonly paint: Paint;
}

export const DEFAULT_URL = 'http://127.0.0.1:31313';

/** `--url`, else `CORTEX_URL`, else this machine. */
export const urlOption = () =>
  new Option('--url <url>', 'gateway to ask').env('CORTEX_URL').default(DEFAULT_URL);

/** `--json`: one JSON document on standard output, for scripts. */
export const jsonOption = () => new Option('--json', 'print JSON, for scripts').default(false);

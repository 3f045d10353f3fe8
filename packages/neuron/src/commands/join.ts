import { hostname } from 'node:os';

import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import { NodeName } from '@cortex/protocol';
import { type JoinToken, parseJoinToken } from '@cortex/service';

import { readNeuronConfig } from '../config.ts';
import { configFile, SERVICE_CONFIG } from './config-file.ts';
import { callGateway } from '../join/call-gateway.ts';
import { prepareJoin } from '../join/prepare-join.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The base URL of a gateway, as it is or as clients write it. */
function readUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw new InvalidArgumentError(
      'It must be the URL of a gateway, such as http://cortex.internal:31313.',
    );
  return (url.origin + url.pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
}

function readToken(text: string): JoinToken {
  const token = parseJoinToken(text);
  if (token === undefined)
    throw new InvalidArgumentError('It must be what "cortex join-token" prints, unchanged.');
  return token;
}

function readName(text: string): string {
  const problem = NodeName.safeParse(text).error?.issues[0]?.message;
  if (problem !== undefined) throw new InvalidArgumentError(`It ${problem}.`);
  return text;
}

/** The host name as the name of a node: its first part, with what such a name can have. */
export function nameFrom(host: string): string {
  const [first = ''] = host.split('.');
  const name = first.replaceAll(/[^A-Za-z0-9_-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 63) || 'node';
}

interface Joined {
  readonly gateway: string;
  readonly name: string;
  readonly endpoint: string;
  readonly written: readonly string[];
}

function format({ gateway, name, endpoint, written }: Joined, file: string | undefined): string {
  const serve = file === undefined ? 'neuron serve' : `neuron serve -c ${file}`;
  const next =
    file === SERVICE_CONFIG
      ? 'The service neuron restarts by itself if it is running. To start it: systemctl enable --now neuron'
      : `Start neuron, or restart it: ${serve}`;
  return [
    `${name} has joined the fleet of ${gateway}, which calls it at ${endpoint}.`,
    ...written.map((path) => `Written: ${path}`),
    '',
    next,
    'Then check, on the gateway: cortex status',
  ].join('\n');
}

/** `neuron join`: adds this node to the fleet of a gateway. Writes with `print`. */
export function joinCommand(env: Env, print: (text: string) => void) {
  return new Command('join')
    .description(
      'Add this node to the fleet of a gateway. Writes what the configuration does not set: an address that other machines reach, a token and a certificate, in joined.toml in the state folder.',
    )
    .argument('<url>', 'URL of the gateway, such as http://cortex.internal:31313', readUrl)
    .argument('<token>', 'what "cortex join-token" prints', readToken)
    .option('-c, --config <file>', 'path of neuron.toml; default: that of the installed service')
    .option('--name <name>', 'name of this node in the fleet; default: the host name', readName)
    .option(
      '--host <host>',
      'name or address at which the gateway reaches this node; default: the address from which this command calls it',
    )
    .option('--json', 'print JSON, for scripts', false)
    .action(async (url, token, { config: named, name, host, json }) => {
      const file = configFile(named);
      const node = await prepareJoin(readNeuronConfig({ file, env }));
      const { name: joinedName, endpoint } = await callGateway(url, token, {
        name: name ?? nameFrom(hostname()),
        port: node.port,
        tls_fingerprint: node.tlsFingerprint,
        token: node.token,
        host,
      }).catch((error: unknown) => {
        node.undo();
        throw error;
      });
      if (URL.parse(endpoint)?.hostname.startsWith('[')) node.listenOnIpv6();
      const joined = { gateway: url, name: joinedName, endpoint, written: node.written };
      print(json ? JSON.stringify(joined, null, 2) : format(joined, file));
    });
}

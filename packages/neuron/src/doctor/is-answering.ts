import { parseListen } from '@cortex/service';

import type { NeuronConfig } from '../config.ts';
import { ask } from './ask.ts';

/** Base URL at which this machine reaches the daemon of a configuration. */
export function ownUrl({ listen, security }: NeuronConfig): string {
  const { hostname, port } = parseListen(listen);
  const own = hostname === '0.0.0.0' || hostname === '::' ? '127.0.0.1' : hostname;
  const host = own.includes(':') ? `[${own}]` : own;
  return `${security.tls_cert === undefined ? 'http' : 'https'}://${host}:${port}`;
}

/** Whether a neuron answers at the address, with or without the token that it requires. */
export async function isAnswering(config: NeuronConfig): Promise<boolean> {
  try {
    const { status, body } = await ask(`${ownUrl(config)}/version`);
    return status === 200 ? body.includes('"engines"') : body.includes('This node needs its token');
  } catch {
    return false;
  }
}

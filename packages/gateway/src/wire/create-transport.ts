import { FetchTransport } from './fetch-transport.ts';
import { NodeTransport, type Transport, type TransportOptions } from './node-transport.ts';

/** Plain HTTP over connections of our own, TLS over `fetch`. */
export function createTransport(options: TransportOptions): Transport {
  const plain = new NodeTransport(options);
  const secure = new FetchTransport();
  return {
    send: (request, target) =>
      (target.endpoint.startsWith('https:') ? secure : plain).send(request, target),
    close: () => plain.close(),
  };
}

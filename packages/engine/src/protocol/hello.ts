import { z } from 'zod';

import { ENGINE_PROTOCOL } from './version.ts';

/** First message of either side. */
export const Hello = z.looseObject({
  kind: z.literal('hello'),
  protocol: z.int(),
  name: z.string(),
  version: z.string(),
  /** Optional abilities of this side; names unknown to the other are ignored. None are defined yet. */
  features: z.array(z.string()).default([]),
});
export type Hello = z.infer<typeof Hello>;

const Envelope = Hello.pick({ kind: true, protocol: true });

export function formatHello(name: string, version: string): Hello {
  return { kind: 'hello', protocol: ENGINE_PROTOCOL, name, version, features: [] };
}

export type HelloReading =
  | { readonly kind: 'ok'; readonly hello: Hello }
  | { readonly kind: 'otherProtocol'; readonly protocol: number }
  | { readonly kind: 'notHello' };

/** Checks the first message of the other side. */
export function readHello(message: unknown): HelloReading {
  // Only these two members are the same in every major version.
  const envelope = Envelope.safeParse(message);
  if (!envelope.success) return { kind: 'notHello' };
  const { protocol } = envelope.data;
  if (protocol !== ENGINE_PROTOCOL) return { kind: 'otherProtocol', protocol };
  const parsed = Hello.safeParse(message);
  return parsed.success ? { kind: 'ok', hello: parsed.data } : { kind: 'notHello' };
}

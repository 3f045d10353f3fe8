import {
  type AdminFleet,
  applyAdminEvent,
  parseAdminEvent,
  readNumberedEvents,
} from '@cortex/protocol';

import { CliError } from '../cli-error.ts';

/** A gateway sends a comment every 15 s, so a stream that is silent for longer is dead. */
const SILENCE_MS = 45_000;

/** The chunks of `body`. @throws CliError if none arrives for `silenceMs` */
async function* unlessSilent(
  body: AsyncIterable<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<Uint8Array, void> {
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    const silent = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => silent.reject(new CliError(`the gateway was silent for ${silenceMs / 1000} s`)),
      silenceMs,
    );
    try {
      const next = await Promise.race([chunks.next(), silent.promise]);
      if (next.done) return;
      yield next.value;
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The fleet after every batch of changes in `body`, an answer of `GET /admin/v1/events`.
 *
 * @param silenceMs - For tests.
 * @throws Error for a gap or an event that is not valid
 */
export async function* followFleet(
  body: AsyncIterable<Uint8Array>,
  silenceMs: number = SILENCE_MS,
): AsyncGenerator<AdminFleet, void> {
  let fleet: AdminFleet | undefined;
  for await (const events of readNumberedEvents(unlessSilent(body, silenceMs), parseAdminEvent)) {
    for (const event of events) {
      if (event.kind !== 'unknown') fleet = applyAdminEvent(fleet, event);
    }
    if (fleet) yield fleet;
  }
}

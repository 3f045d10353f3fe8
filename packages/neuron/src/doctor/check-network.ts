/** Checks of the port and the clock. */
import { ConfigError, listen, parseListen } from '@cortex/service';

import type { NeuronConfig } from '../config.ts';
import { ask } from './ask.ts';
import { isAnswering } from './is-answering.ts';
import { type Finding, note, ok, wrong } from './finding.ts';

/** Certificates, tokens with an end and the times in logs need clocks that agree this well. */
const MAX_SKEW_S = 5;

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** The address: that the daemon can listen there, or already does. */
export async function checkPort(config: NeuronConfig): Promise<Finding> {
  try {
    const listener = listen({
      listen: config.listen,
      key: 'listen',
      envPrefix: 'NEURON_',
      fetch: () => new Response(),
    });
    await listener.stop('now');
    return ok('port', `${config.listen} is free`);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    if (await isAnswering(config)) return ok('port', `a neuron answers at ${config.listen}`);
    const program = `ss -ltnp 'sport = :${parseListen(config.listen).port}'`;
    return wrong(
      'port',
      error.message,
      /in use/.test(error.message) ? `"${program}" shows the other program` : undefined,
    );
  }
}

/**
 * The clock of this machine against that of a gateway.
 *
 * @param gateway - URL of the gateway, with or without `/v1`.
 * @param nowMs - Wall clock.
 */
export async function checkClock(gateway: string, nowMs: () => number): Promise<Finding> {
  const url = `${gateway.replace(/\/+$/, '').replace(/\/v1$/, '')}/health`;
  const askedMs = nowMs();
  try {
    const { headers } = await ask(url);
    const shown = Date.parse(String(headers['date']));
    if (Number.isNaN(shown)) return note('clock', `${url} does not send the time`);
    // The header has whole seconds, rounded down.
    const skewS = Math.round(((askedMs + nowMs()) / 2 - (shown + 500)) / 1000);
    if (Math.abs(skewS) <= MAX_SKEW_S) {
      return ok('clock', `this machine and the gateway differ by less than ${MAX_SKEW_S + 1} s`);
    }
    return wrong(
      'clock',
      `the clock of this machine is ${Math.abs(skewS)} s ${skewS > 0 ? 'ahead of' : 'behind'} that of the gateway`,
      'timedatectl set-ntp true',
    );
  } catch (error) {
    return wrong('clock', `the gateway ${url} does not answer: ${reasonOf(error)}`);
  }
}

/** Routes of harnesses. */
import { CortexError } from '@cortex/protocol';

import type { ApiContext, ApiDeps } from './context.ts';

/**
 * `POST /harnesses/{name}/restart`: waits until no request runs on the models of the harness, restarts its server, and
 * answers when it serves again.
 */
export function restartHarness({ models, harnesses, admission, gate }: ApiDeps) {
  return async (context: ApiContext): Promise<Response> => {
    gate.check();
    const name = context.req.param('name') ?? '';
    const harness = harnesses.all.find((known) => known.name === name);
    if (!harness) {
      const known = harnesses.all.map((other) => other.name).join(', ');
      throw new CortexError('invalid_request', `This node has no harness ${name}: ${known}.`);
    }
    if (!harness.restart) {
      throw new CortexError(
        'wrong_modality',
        `The harness ${name} cannot be restarted: neuron does not start a server for several of its models.`,
      );
    }
    context.get('connection').liftIdleLimit();
    const held = models.loaded().filter(({ loaded }) => loaded?.harness === harness);
    const idle = Promise.all(held.map(({ id }) => admission.whenIdle(id)));
    await harness.restart(idle.then(() => undefined));
    return context.json({
      status: 'restarted',
      lifecycle_cycles: harness.health().lifecycleCycles,
    });
  };
}

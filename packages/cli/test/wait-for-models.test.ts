import { expect, test } from 'bun:test';

import { CliError } from '../src/cli-error.ts';
import { waitForModels } from '../src/up/wait-for-models.ts';
import { adminFleet } from './fake-client.ts';

/** A gateway that fails the first `failures` calls. */
function gatewayFailing(failures: number) {
  let calls = 0;
  return {
    fleet: () => {
      calls += 1;
      return calls > failures
        ? Promise.resolve(adminFleet())
        : Promise.reject(new CliError('connection refused'));
    },
  };
}

test('cortex up asks a gateway that is being restarted again, also after the time for its models', async () => {
  const { models } = await waitForModels(gatewayFailing(2), {
    node: 'local',
    settleMs: 0,
    answerMs: 60_000,
  });

  expect(models).toHaveLength(1);
});

test('cortex up reports why the gateway does not answer if it never does', async () => {
  const waiting = waitForModels(gatewayFailing(Infinity), {
    node: 'local',
    settleMs: 0,
    answerMs: 0,
  });

  await expect(waiting).rejects.toThrow('connection refused');
});

import { afterEach, describe, expect, test } from 'bun:test';

import { systemClock } from '@cortex/service';
import { FakeClock, FakeNeuron } from '@cortex/testkit';

import { NeuronClient } from '../src/nodes/neuron-client.ts';
import { NodeTransport } from '../src/wire/node-transport.ts';
import { refusal } from './control-under-test.ts';

let neuron: FakeNeuron;
afterEach(() => neuron.close());

const { signal } = new AbortController();

const transport = new NodeTransport(systemClock);

function connect(endpoint: string, clock = new FakeClock()) {
  const target = { endpoint, connectMs: 5_000 };
  return new NeuronClient({ name: 'beast', target, transport, timeoutMs: 5_000, clock });
}

describe('a management call to a neuron', () => {
  test('rejects with the error of the node: its code, message and Retry-After', async () => {
    neuron = new FakeNeuron();
    neuron.failPath('/models/load', {
      status: 503,
      code: 'insufficient_vram',
      message: '2000 MiB missing on device 0',
      retryAfterS: 7,
    });
    const error = await refusal(connect(neuron.url).loadAndWait({ model_id: 'm' }, signal));
    expect(error).toMatchObject({
      code: 'insufficient_vram',
      message: '2000 MiB missing on device 0',
      retryAfterS: 7,
    });
  });

  test('rejects a failed load as permanent for 422 and as transient for 503', async () => {
    neuron = new FakeNeuron();
    const statuses: unknown[] = [];
    for (const status of [422, 503]) {
      neuron.failPath('/models/load', { status, code: 'model_load_failed', message: 'x' });
      const error = await refusal(connect(neuron.url).loadAndWait({ model_id: 'm' }, signal));
      statuses.push(error instanceof Error && 'status' in error ? error.status : undefined);
    }
    expect(statuses).toEqual([422, 503]);
  });

  test('rejects an unknown code as a protocol error that names node, call and status', async () => {
    neuron = new FakeNeuron();
    neuron.failPath('/health', { status: 418, code: 'teapot', message: 'x' });
    expect(await refusal(connect(neuron.url).health(signal))).toMatchObject({
      code: 'node_protocol_error',
      message: 'beast (/health) answered 418.',
    });
  });

  test('rejects with a timeout for a node that hangs and as unreachable for one that is gone', async () => {
    neuron = new FakeNeuron();
    const clock = new FakeClock();
    const client = connect(neuron.url, clock);
    neuron.hang();
    const hung = refusal(client.health(signal));
    await neuron.call('/health');
    clock.advance(5_000);
    expect(await hung).toMatchObject({
      code: 'node_timeout',
      message: 'beast (/health) did not answer within 5 s.',
    });
    neuron.resume();
    await neuron.die();
    expect(await refusal(client.health(signal))).toMatchObject({ code: 'node_unreachable' });
    expect(clock.pendingTimers).toBe(0);
  });

  test('has no deadline for a load', async () => {
    neuron = new FakeNeuron({ models: [{ id: 'm', status: 'unloaded' }] });
    const clock = new FakeClock();
    const loading = connect(neuron.url, clock).loadAndWait({ model_id: 'm' }, signal);
    const load = await neuron.load();
    clock.advance(3_600_000);
    load.succeed();
    expect(await loading).toBeUndefined();
  });

  test('rejects with the reason of the caller when the caller aborts', async () => {
    neuron = new FakeNeuron();
    neuron.hang();
    const caller = new AbortController();
    const reason = new Error('enough');
    const call = refusal(connect(neuron.url).models(caller.signal));
    await neuron.call('/models');
    caller.abort(reason);
    expect(await call).toBe(reason);
  });

  test('works with a trailing slash in the base URL and with slashes in model ids', async () => {
    neuron = new FakeNeuron({ models: [{ id: 'org/m' }] });
    const path = await connect(`${neuron.url}/`).endpointPath('org/m', signal);
    expect(path).toBe('');
    expect(neuron.count('/models/org%2Fm/endpoint')).toBe(1);
  });

  test('accepts unknown fields and values', async () => {
    neuron = new FakeNeuron({ models: [{ id: 'm', status: 'hibernating', novelty: 1 }] });
    const [entry] = (await connect(neuron.url).models(signal)).models;
    expect(entry).toMatchObject({ id: 'm', status: 'hibernating', novelty: 1 });
  });
});

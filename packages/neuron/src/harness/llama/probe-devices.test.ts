import { inProcessEngine } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import { createScriptedEngine } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import { probeDevices } from './probe-devices.ts';
import { engineProcesses } from '../../engines/start-engine.ts';

const CUDA = { backend: 'cuda', env: {} } as const;
const never = new AbortController().signal;
const forgetful = { add: () => undefined, remove: () => undefined };

test('the real engine lists its GPUs, or names the library that it lacks to open them', async () => {
  const answer = await probeDevices(engineProcesses({ records: forgetful }), CUDA, never).catch(
    (error: unknown) => error,
  );

  if (answer instanceof CortexError) {
    expect(answer.message).toStartWith('the cuda device cannot be used: ');
  } else {
    expect(answer).toContainEqual(expect.objectContaining({ backend: 'cuda' }));
  }
});

test('probeDevices asks for devices after it has opened the kind of device, and then ends the engine', async () => {
  const engine = createScriptedEngine();
  const opened: string[] = [];
  engine.estimate = ({ backend }) => {
    opened.push(backend);
    return Promise.reject(new CortexError('model_load_failed', 'nothing in it'));
  };
  engine.devices = async () => [{ name: opened.join(), backend: 'cuda' }];
  const connection = await inProcessEngine(engine);

  const devices = await probeDevices(
    async () => ({ connection, kill: () => undefined }),
    CUDA,
    never,
  );

  expect(devices).toEqual([{ name: 'cuda', backend: 'cuda' }]);
  await connection.ended;
});

test('probeDevices kills an engine that does not answer when its caller aborts', async () => {
  const engine = createScriptedEngine();
  const asked = Promise.withResolvers<void>();
  engine.estimate = () => {
    asked.resolve();
    return new Promise(() => undefined);
  };
  const connection = await inProcessEngine(engine);
  const caller = new AbortController();
  const killed = Promise.withResolvers<void>();

  void probeDevices(
    async () => ({ connection, kill: () => killed.resolve() }),
    CUDA,
    caller.signal,
  ).catch(() => undefined);
  await asked.promise;
  caller.abort();

  await killed.promise;
});

/** Behaviour 50: intervals are monotonic, so a step of the wall clock ends nothing and ages nothing. */
import { afterEach, expect, setSystemTime, test } from 'bun:test';

import { createHurriedTicker } from './hurried-ticker.ts';
import { scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const DAY_MS = 86_400_000;

afterEach(() => {
  setSystemTime();
});

test.each([DAY_MS, -DAY_MS])(
  'a step of the clock by %p ms leaves ages, a TTL and the uptime as they are',
  async (stepMs) => {
    const ticker = createHurriedTicker();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine(), ticker },
    });
    await neuron.load({ ttl_s: 3600 });
    await (await neuron.chat({ max_tokens: 2 })).text();

    setSystemTime(new Date(Date.now() + stepMs));
    let sweeps = 0;
    const stop = ticker.every(1000, () => (sweeps += 1));
    await until(() => sweeps > 2);
    stop();

    const { status, idle_ms: idleMs = -1, age_ms: ageMs = -1 } = await neuron.model();
    const { uptime_secs: uptimeS } = await neuron.health();
    expect(status).toBe('loaded');
    for (const ms of [idleMs, ageMs, uptimeS * 1000]) {
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThan(60_000);
    }
  },
);

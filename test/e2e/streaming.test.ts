import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { AdminModels, NodeHealth } from '@cortex/protocol';

import { askStream, post } from './ask.ts';
import { eventually } from './processes.ts';
import { adminGet, startUp, type Up } from './start-up.ts';

const LONG = { max_tokens: 2000, ignore_eos: true } as const;

/** Requests that neuron has in flight or waiting. */
async function nodeLoad(node: string): Promise<number> {
  const health = NodeHealth.parse(await (await fetch(`${node}/health`)).json());
  return health.models.reduce((sum, model) => sum + model.in_flight + model.queue_depth, 0);
}

/** `cortex_model_in_flight` and `cortex_model_queue_depth` over all labels. */
async function gaugeSum(metrics: string): Promise<number> {
  const text = await (await fetch(`${metrics}/metrics`)).text();
  const gauges = [...text.matchAll(/^cortex_model_(?:in_flight|queue_depth)\{[^}]*\} (\d+)/gm)];
  return gauges.reduce((sum, [, value]) => sum + Number(value), 0);
}

/** Requests in flight or waiting, from the admin API. */
async function adminLoad(up: Up): Promise<number> {
  const { models } = AdminModels.parse(await (await adminGet(up, '/models')).json());
  return models.reduce(
    (sum, { waiting, replicas }) =>
      replicas.reduce((inner, replica) => inner + replica.in_flight, sum + waiting),
    0,
  );
}

describe('a stream', () => {
  let up: Up;

  beforeAll(async () => {
    up = await startUp();
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('arrives token by token', async () => {
    const loads: number[] = [];
    const report = await askStream(up.api, LONG, {
      onContent: async (chunks) => {
        if (chunks === 1 || chunks === 100) loads.push(await nodeLoad(up.node));
      },
    });

    // Chunks arrived before the end of the answer, while the engine was still generating.
    expect(loads).toEqual([1, 1]);
    expect(report.contentMs.length).toBeGreaterThan(1000);
    expect(report.finish).toBe('length');
    expect(report.hasDone).toBe(true);
  });

  for (const phase of ['mid-token', 'in prefill', 'not streamed'] as const) {
    test(`whose client disconnects (${phase}) stops the engine, and every counter returns to zero`, async () => {
      const leaving = new AbortController();
      const body =
        phase === 'in prefill'
          ? { ...LONG, messages: [{ role: 'user', content: 'cortex and neuron '.repeat(600) }] }
          : LONG;
      const reading =
        phase === 'mid-token'
          ? askStream(up.api, body, {
              signal: leaving.signal,
              onContent: () => leaving.abort(),
            })
          : post(
              up.api,
              { ...body, stream: phase !== 'not streamed' },
              { signal: leaving.signal },
            ).then((response) => response.text());
      const left = reading.catch((error: unknown) => error);
      if (phase !== 'mid-token') {
        await eventually(
          'the request to reach the engine',
          async () => (await nodeLoad(up.node)) > 0,
        );
        leaving.abort();
      }
      await left;
      const leftMs = performance.now();

      await eventually('neuron to be idle', async () => (await nodeLoad(up.node)) === 0);

      // A step of this model takes a few milliseconds; the rest is transit time and polling.
      expect(performance.now() - leftMs).toBeLessThan(1000);
      await eventually('the metrics to be zero', async () => (await gaugeSum(up.metrics)) === 0);
      expect(await adminLoad(up)).toBe(0);
    });
  }

  test('has the same text as the complete answer at temperature 0', async () => {
    const streamed = await askStream(up.api, { max_tokens: 60 });
    const whole = await post(up.api, { max_tokens: 60 }).then((response) => response.json());

    expect(whole).toMatchObject({ choices: [{ message: { content: streamed.text } }] });
  });
});

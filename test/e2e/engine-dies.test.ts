import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { askStream, askWhole, post } from './ask.ts';
import { eventually } from './processes.ts';
import { engineProcesses, startUp, type Up } from './start-up.ts';

describe('when the engine process is killed in the middle of a stream,', () => {
  let up: Up;
  let killedMs: number;
  let servedMs: number;
  let stream: Awaited<ReturnType<typeof askStream>>;
  const answers: { status: number; retryAfter: string | null; code: unknown }[] = [];
  const healthMs: number[] = [];

  async function ask(): Promise<(typeof answers)[number]> {
    const response = await post(up.api, { max_tokens: 4 });
    const body: unknown = await response.json();
    const code = Object(Object(body).error).code;
    return { status: response.status, retryAfter: response.headers.get('retry-after'), code };
  }

  beforeAll(async () => {
    up = await startUp();
    const firstContent = Promise.withResolvers<void>();
    const reading = askStream(
      up.api,
      { max_tokens: 3000, ignore_eos: true },
      { onContent: () => firstContent.resolve() },
    );
    await firstContent.promise;
    const [engine] = engineProcesses(up);
    if (engine === undefined) throw new Error('no engine process');
    process.kill(engine.pid, 'SIGKILL');
    killedMs = performance.now();
    stream = await reading;
    // Polls both until the model serves again.
    await eventually(
      'the model to serve again',
      async () => {
        const startedMs = performance.now();
        const [health, models] = await Promise.all([
          fetch(`${up.node}/health`),
          fetch(`${up.node}/models`),
          fetch(`${up.api}/health`),
        ]);
        if (!health.ok || !models.ok) throw new Error('the daemon stopped answering');
        healthMs.push(performance.now() - startedMs);
        const answer = await ask();
        answers.push(answer);
        return answer.status === 200;
      },
      20_000,
    );
    servedMs = performance.now();
  }, 60_000);
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('the client gets an error event of its dialect and a clean end', () => {
    expect(stream.status).toBe(200);
    expect(stream.text).not.toBe('');
    expect(stream.error?.code).toBe('node_recovering');
    expect(stream.hasDone).toBe(true);
  });

  test('/health and /models keep answering, and fast', () => {
    expect(healthMs.length).toBeGreaterThan(0);
    expect(Math.max(...healthMs)).toBeLessThan(1000);
  });

  test('requests get 503 node_recovering with Retry-After until the engine is back', () => {
    const refused = answers.filter(({ status }) => status !== 200);

    expect(refused.length).toBeGreaterThan(0);
    for (const { status, code, retryAfter } of refused) {
      expect({ status, code }).toEqual({ status: 503, code: 'node_recovering' });
      expect(Number(retryAfter)).toBeGreaterThanOrEqual(1);
    }
  });

  test('requests succeed again within 10 s', async () => {
    expect(servedMs - killedMs).toBeLessThan(10_000);

    const { choices } = await askWhole(up.api, { max_tokens: 8 });

    expect(choices[0]?.message.content).not.toBe('');
  });
});

/** The contract of a harness; each implementation runs it (`harnessConformance(name, make)`). */
import { ChatCompletion, CortexError } from '@cortex/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { NO_GPU_ENV } from '../../devices/device.ts';
import { toLoadSettings } from '../load-settings.ts';
import { isRefusal } from '../../refusal.ts';
import {
  type Harness,
  type HarnessLoadSpec,
  type HarnessRequest,
  TOKENIZER_ROUTES,
  VECTOR_ROUTES,
  type WorkOutcome,
} from '../harness.ts';

/** A harness to test, and a model that it can load. */
export interface HarnessUnderTest {
  readonly harness: Harness;
  /** Absolute path of a model file that it can load. */
  readonly modelPath: string;
  /** The expected result of `inferenceEndpoint`. */
  readonly ownUrl: string;
}

/** What the models of a harness answer, and requests for it. */
const WORK = {
  text: {
    route: '/v1/chat/completions',
    body: { messages: [{ role: 'user', content: 'hi' }] },
    short: { max_tokens: 4 },
    long: { max_tokens: 2000, ignore_eos: true },
    invalid: { messages: 'none' },
  },
  images: {
    route: '/v1/images/generations',
    body: { prompt: 'a cat' },
    short: {},
    long: { prompt: 'a held cat' },
    invalid: { prompt: '' },
  },
} as const;

const LIMIT_MS = 60_000;

/** A request, and the outcomes of its work. */
function requestOf(fields: Readonly<Record<string, unknown>>) {
  const body = { model: 'm', ...fields };
  const outcomes: WorkOutcome[] = [];
  const ended = Promise.withResolvers<WorkOutcome>();
  const request: HarnessRequest = {
    body,
    bytes: new TextEncoder().encode(JSON.stringify(body)),
    headers: new Headers(),
    principal: 'addr:127.0.0.1',
    requestId: 'req_test',
    started: () => undefined,
    ended(outcome) {
      outcomes.push(outcome);
      ended.resolve(outcome);
    },
  };
  return { request, outcomes, ended: ended.promise };
}

async function failureOf(promise: Promise<unknown>): Promise<CortexError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CortexError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

const never = (): AbortSignal => new AbortController().signal;

/**
 * Runs the suite against the result of `make`. The model is loaded once, with two slots.
 *
 * @param answers - What the models of the harness answer.
 */
export function harnessConformance(
  name: string,
  make: () => Promise<HarnessUnderTest>,
  answers: keyof typeof WORK = 'text',
): void {
  const work = WORK[answers];
  const isText = answers === 'text';
  const forText = isText ? test : undefined;
  const createRequest = (fields: Readonly<Record<string, unknown>>) =>
    requestOf({ ...work.body, ...fields });
  describe(`${name} keeps the promises of a harness`, () => {
    let harness: Harness;
    let ownUrl: string;
    let spec: HarnessLoadSpec;

    const load = (id = 'm', fields: object = {}): HarnessLoadSpec => ({
      ...spec,
      modelId: id,
      settings: toLoadSettings({ model_id: id, slots: 2, ...fields }),
    });

    beforeAll(async () => {
      const made = await make();
      ({ harness, ownUrl } = made);
      spec = {
        modelId: 'm',
        modelPath: made.modelPath,
        fingerprint: made.modelPath,
        sizeBytes: 1,
        lora: [],
        settings: toLoadSettings({ model_id: 'm', slots: 2 }),
        placement: { backend: 'cpu', deviceIndexes: [], env: NO_GPU_ENV },
      };
      await harness.start?.();
      await harness.loadModel(load(), () => undefined, never());
    }, LIMIT_MS);
    afterAll(async () => harness.stop?.(0), LIMIT_MS);

    const ask = (request: HarnessRequest, signal = never()): Promise<Response> =>
      harness.serve(work.route, 'm', request, signal);

    test('lists a loaded model with its slots, context and capabilities', () => {
      const [model] = harness.listModels();

      expect(model).toMatchObject({ id: 'm', state: 'loaded', slots: 2 });
      if (isText) expect(model?.contextTokens).toBeGreaterThan(0);
      expect(model?.capabilities).toContain(answers);
      expect(harness.health().ok).toBe(true);
    });

    test('gives neuron as its inference endpoint', () => {
      expect(harness.inferenceEndpoint('m')).toBe(ownUrl);
      expect(harness.inferenceEndpoint('unknown')).toBeUndefined();
    });

    test('answers a request that is not streamed, and reports the end of the work once', async () => {
      const { request, outcomes } = createRequest(work.short);

      const answer = await ask(request);

      expect(answer.status).toBe(200);
      const body: unknown = await answer.json();
      if (isText) expect(body).toMatchObject({ object: 'chat.completion', model: 'm' });
      else expect(body).toMatchObject({ data: [{ b64_json: expect.any(String) }] });
      expect(answer.headers.has('x-neuron-usage')).toBe(isText);
      expect(outcomes).toMatchObject([{ kind: 'done' }]);
    });

    forText?.('streams an answer, and reports the end of the work once', async () => {
      const { request, outcomes } = createRequest({ max_tokens: 4, stream: true });

      const text = await (await ask(request)).text();

      expect(text).toMatch(/\n\n: usage \{.*\}\ndata: \[DONE\]\n\n$/);
      expect(outcomes).toMatchObject([{ kind: 'done' }]);
    });

    forText?.('ends the work of a stream when its client disconnects', async () => {
      const { request, outcomes, ended } = createRequest({
        max_tokens: 2000,
        ignore_eos: true,
        stream: true,
      });
      const leaving = new AbortController();
      const answer = await ask(request, leaving.signal);
      const reader = answer.body?.getReader();
      await reader?.read();

      leaving.abort();

      expect((await ended).kind).not.toBe('failed');
      expect(outcomes).toHaveLength(1);
      await reader?.cancel();
    });

    forText?.('ends the work of a stream that is never read', async () => {
      const { request, outcomes, ended } = createRequest({ ignore_eos: true, stream: true });
      const leaving = new AbortController();
      await ask(request, leaving.signal);

      leaving.abort();

      await ended;
      expect(outcomes).toHaveLength(1);
    });

    test('ends the work of an answer that is not streamed when its client disconnects', async () => {
      const { request, outcomes } = createRequest(work.long);
      const leaving = new AbortController();
      const answer = failureOf(ask(request, leaving.signal));

      leaving.abort();

      expect((await answer).code).toBe('client_closed_request');
      expect(outcomes).toMatchObject([{ kind: 'cancelled' }]);
    });

    test('does no work for a client that disconnected before the request started', async () => {
      const { request, outcomes } = createRequest({});

      await failureOf(ask(request, AbortSignal.abort()));

      expect(outcomes).toHaveLength(1);
    });

    test('refuses an invalid body before the answer starts, streamed or not', async () => {
      for (const stream of isText ? [true, false] : [false]) {
        const { request, outcomes } = createRequest({ ...work.invalid, stream });

        const failure = await failureOf(ask(request));

        expect(failure.status).toBe(400);
        expect(outcomes).toMatchObject([{ kind: 'refused' }]);
      }
    });

    test('refuses a model that it has not loaded, marked as no work done', async () => {
      const { request, outcomes } = createRequest({});

      const failure = await failureOf(harness.serve(work.route, 'unknown', request, never()));

      expect(failure.code).toBe('model_not_loaded');
      expect(isRefusal(failure)).toBe(true);
      expect(outcomes).toMatchObject([{ kind: 'refused' }]);
    });

    forText?.('answers tokenizer routes, and reports the end of the work once', async () => {
      const { request, outcomes } = createRequest({ content: 'one two', tokens: [1, 2] });

      for (const route of TOKENIZER_ROUTES) {
        const answer = await harness.serve(route, 'm', request, never());
        expect(answer.headers.get('content-type')).toStartWith('application/json');
      }

      expect(outcomes.map(({ kind }) => kind)).toEqual(TOKENIZER_ROUTES.map(() => 'done'));
    });

    forText?.('counts the tokens of a chat as generation does', async () => {
      const counted = await harness.serve('/count-tokens', 'm', createRequest({}).request, never());
      const answer = await ask(createRequest({ max_tokens: 1 }).request);

      const { usage } = ChatCompletion.parse(await answer.json());
      expect(await counted.json()).toEqual({ input_tokens: usage?.prompt_tokens });
    });

    test('refuses what the model cannot do, and frees the seat', async () => {
      const bodies = {
        '/v1/embeddings': { messages: undefined, input: 'one' },
        '/v1/rerank': { query: 'one', documents: ['two'] },
      } as const;
      for (const route of VECTOR_ROUTES) {
        const { request, outcomes } = createRequest(bodies[route]);

        const failure = await failureOf(harness.serve(route, 'm', request, never()));

        expect(failure).toMatchObject({ code: 'wrong_modality', status: 422 });
        expect(outcomes).toMatchObject([{ kind: 'refused' }]);
      }
    });

    forText?.('ends an embeddings call when its client disconnects', async () => {
      const { request, outcomes } = createRequest({ messages: undefined, input: 'one' });

      const failure = await failureOf(
        harness.serve('/v1/embeddings', 'm', request, AbortSignal.abort()),
      );

      expect(failure.code).toBe('client_closed_request');
      expect(outcomes).toMatchObject([{ kind: 'cancelled' }]);
    });

    test('estimates what a load of a model on disk would take, within a memory budget', async () => {
      const { cold } = harness;
      if (!cold) return;

      const roomy = await cold.estimate(load('cold', { slots: 'auto' }), {});
      const tight = await cold.estimate(load('cold', { slots: 'auto' }), { ramMib: 1 });

      expect(roomy).toMatchObject({ fits: true });
      expect(roomy?.contextTokens).toBeGreaterThan(0);
      expect(tight?.slots).toBeLessThanOrEqual(roomy?.slots ?? 0);
      expect(harness.listModels().map(({ id }) => id)).toEqual(['m']);
    });

    test('knows the capabilities of a model on disk once it has inspected the file', async () => {
      const { cold } = harness;
      if (!cold) return;

      const found = await cold.inspect(load('cold'));

      expect(found.capabilities).toContain('text');
      expect(cold.facts(spec.fingerprint)).toEqual(found);
    });

    test(
      'frees the memory of a cancelled load, and can load the model again',
      async () => {
        const cancel = new AbortController();
        const loading = failureOf(
          harness.loadModel(load('second'), () => undefined, cancel.signal),
        );
        cancel.abort(new CortexError('model_load_failed', 'cancelled', { transient: true }));

        expect((await loading).message).toBe('cancelled');
        expect(harness.listModels().map(({ id }) => id)).toEqual(['m']);
        const again = await harness.loadModel(load('second'), () => undefined, never());
        expect(again.state).toBe('loaded');
        await harness.unloadModel('second');
      },
      LIMIT_MS,
    );

    test(
      'reports progress that never decreases',
      async () => {
        const ratios: number[] = [];

        await harness.loadModel(load('third'), (ratio) => ratios.push(ratio), never());

        expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
        expect(ratios.every((ratio) => ratio >= 0 && ratio <= 1)).toBe(true);
        await harness.unloadModel('third');
      },
      LIMIT_MS,
    );

    test('refuses a setting that it does not support by name, and loads nothing', async () => {
      const failure = await failureOf(
        harness.loadModel(load('fourth', { args: ['--x'] }), () => undefined, never()),
      );

      expect(failure).toMatchObject({ code: 'unsupported_parameter', details: { param: 'args' } });
      expect(harness.listModels().map(({ id }) => id)).toEqual(['m']);
    });

    test(
      'no longer lists an unloaded model, and ignores an unload of an unknown model',
      async () => {
        await harness.loadModel(load('fifth'), () => undefined, never());

        await harness.unloadModel('fifth');
        await harness.unloadModel('fifth');

        expect(harness.listModels().map(({ id }) => id)).toEqual(['m']);
      },
      LIMIT_MS,
    );
  });
}

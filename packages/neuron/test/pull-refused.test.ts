import { NodeModels } from '@cortex/protocol';
import { describe, expect, test } from 'bun:test';

import { noPauses, PullFixture, type PullerOptions, REPO, TINY } from './pull-fixture.ts';
import { until } from './test-neuron.ts';

const SOURCE = `hf:${REPO}`;

describe('a pull that the hub refuses fails at once with a sentence', () => {
  test.each<
    [
      string,
      {
        readonly repository?: { readonly gatedFor?: string; readonly privateFor?: string };
        readonly options?: PullerOptions;
        readonly call?: Readonly<Record<string, unknown>>;
        readonly says: readonly string[];
      },
    ]
  >([
    [
      'on a gated model without a token',
      { repository: { gatedFor: 'hf_me' }, says: ['gated', `/${REPO}`, 'set HF_TOKEN'] },
    ],
    [
      'on a gated model with a token whose account has not accepted the licence',
      {
        repository: { gatedFor: 'hf_me' },
        options: { env: { HF_TOKEN: 'hf_other' } },
        says: ['gated', 'accept its licence', 'account of HF_TOKEN'],
      },
    ],
    [
      'on a private repository without a token',
      {
        repository: { privateFor: 'hf_me' },
        says: [
          `refused hf:${REPO} (401): it does not exist, is private, or is gated`,
          'If it is private, set HF_TOKEN',
        ],
      },
    ],
    [
      'on a token that is not valid',
      {
        repository: { privateFor: 'hf_me' },
        options: { env: { HF_TOKEN: 'hf_other' } },
        says: ['refused HF_TOKEN'],
      },
    ],
    [
      'on a repository that does not exist',
      {
        options: { env: { HF_TOKEN: 'hf_me' } },
        call: { source: 'hf:org/nothing' },
        says: ['hf:org/nothing does not exist', 'Check the name'],
      },
    ],
    [
      'on a revision that does not exist',
      { call: { source: `${SOURCE}@v9` }, says: [`${SOURCE} has no revision v9`] },
    ],
    [
      'on a file that does not exist, naming those that do',
      { call: { source: `${SOURCE}:x.gguf` }, says: ['has no x.gguf', 'tiny-Q8_0.gguf'] },
    ],
    [
      'on a quantisation that does not exist, naming the nearest',
      { call: { quant: 'Q6_K' }, says: ['has no Q6_K. The nearest is Q8_0. It also has Q4_0.'] },
    ],
    [
      'when HF_HUB_OFFLINE is set',
      { options: { env: { HF_HUB_OFFLINE: '1' } }, says: ['HF_HUB_OFFLINE'] },
    ],
  ])('%s', async (_when, { repository, options = {}, call = {}, says }) => {
    const { ms, pulls } = noPauses();
    await using fixture = await PullFixture.start({
      ...options,
      pulls,
      repositories: {
        [REPO]: { files: { 'tiny-Q8_0.gguf': TINY, 'tiny-Q4_0.gguf': TINY }, ...repository },
      },
    });

    const report = await fixture.pulled({ model_id: 'm', source: SOURCE, quant: 'Q8_0', ...call });

    expect(report.status).toBe('failed');
    for (const words of says) expect(report.error).toContain(words);
    expect(ms).toEqual([]);
  });

  test('and the load that needs it fails with the same sentence, as 422', async () => {
    await using fixture = await PullFixture.start();

    const load = await fixture.neuron.post('/models/load?wait=true', {
      model_id: 'm',
      source: `${SOURCE}@v9`,
    });

    expect(load.status).toBe(422);
    expect((await load.json()).error.message).toContain('has no revision v9');
  });
});

describe('a failed pull of a model that is not on this node', () => {
  const CALL = { model_id: 'm', source: `${SOURCE}@v9` };
  const isListed = async (fixture: PullFixture): Promise<boolean> =>
    NodeModels.parse(await (await fixture.neuron.get('/models')).json()).some(
      ({ id }) => id === 'm',
    );

  test('is listed with its reason for an hour, and then forgotten', async () => {
    let nowMs = 0;
    await using fixture = await PullFixture.start({
      pulls: noPauses({ nowMs: () => nowMs }).pulls,
    });
    await fixture.pulled(CALL);
    const entry = await fixture.neuron.model('m');

    nowMs = 3_600_000;

    await until(async () => !(await isListed(fixture)));
    expect(entry).toMatchObject({ status: 'failed', reason: expect.stringContaining('v9') });
    expect((await fixture.neuron.get('/models/pull/m')).status).toBe(404);
  });

  test('ends with DELETE /models/pull/{id}', async () => {
    await using fixture = await PullFixture.start();
    await fixture.pulled(CALL);

    const answer = await fetch(`${fixture.neuron.url}/models/pull/m`, { method: 'DELETE' });

    expect(await answer.json()).toMatchObject({ status: 'failed', model_id: 'm' });
    expect(await isListed(fixture)).toBe(false);
  });
});

test('a load whose hub cannot be reached fails as transient, so that it is tried again', async () => {
  await using fixture = await PullFixture.start({
    // Nothing listens there.
    env: { HF_ENDPOINT: 'http://127.0.0.1:9' },
  });

  const load = await fixture.neuron.post('/models/load?wait=true', {
    model_id: 'm',
    source: SOURCE,
  });

  expect(load.status).toBe(503);
  expect((await load.json()).error.message).toContain('http://127.0.0.1:9 cannot be reached');
});

test('the token goes to the hub, and not to the host that it redirects to', async () => {
  await using fixture = await PullFixture.start({
    env: { HF_TOKEN: 'hf_me' },
    repositories: { [REPO]: { files: { 'tiny-Q8_0.gguf': TINY }, gatedFor: 'hf_me' } },
  });

  const report = await fixture.pulled({ model_id: 'm', source: SOURCE });

  expect(report.status).toBe('done');
  expect(fixture.hub.requestsOf('resolve')[0]?.headers.get('authorization')).toBe('Bearer hf_me');
  expect(fixture.hub.requestsOf('cdn')[0]?.headers.has('authorization')).toBe(false);
});

test.each([
  ['a source of no known kind', { source: 'ftp:x' }, 'no known kind'],
  ['a file on this node', { source: 'file:x.gguf' }, 'cannot be pulled'],
  ['a name that is no repository', { model_id: 'm' }, 'does not name a repository'],
  ['an unknown member', { from: 'x' }, 'from'],
])('POST /models/pull of %s is refused with 400', async (_what, fields, message) => {
  await using fixture = await PullFixture.start();

  const answer = await fixture.neuron.post('/models/pull', { model_id: 'm', ...fields });

  expect(answer.status).toBe(400);
  expect((await answer.json()).error.message).toContain(message);
});

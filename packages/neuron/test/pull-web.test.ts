import { readdirSync } from 'node:fs';

import { PullReport } from '@cortex/protocol';
import { createSelfSigned } from '@cortex/testkit';
import {
  answerFile,
  type FileServer,
  type FileServerOptions,
  startFileServer,
} from '@cortex/testkit/hub/file-server';
import { describe, expect, test } from 'bun:test';

import { endOf, noPauses, TINY } from './pull-fixture.ts';
import { scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const tls = createSelfSigned('localhost');

const serve = (options: Partial<FileServerOptions> = {}): Promise<FileServer> =>
  startFileServer({
    tls,
    answer: (request) => answerFile(request, { bytes: TINY, etag: '"one"' }),
    ...options,
  });

const startNeuron = (httpsHosts: readonly string[]): Promise<TestNeuron> =>
  TestNeuron.start({
    flags: { min_free_disk_mb: 0, 'security.https_hosts': httpsHosts },
    parts: { startEngine: scriptedEngine(), pulls: noPauses({ ca: tls.cert }).pulls },
  });

const urlOf = ({ port }: FileServer, path = '/a/tiny-Q8_0.gguf'): string =>
  `https://localhost:${port}${path}`;

async function pull(neuron: TestNeuron, source: string) {
  const answer = await neuron.post('/models/pull', { model_id: 'm', source });
  expect(answer.status).toBe(202);
  return endOf(neuron, 'm');
}

describe('a pull from an https: source', () => {
  test('ends with a model that loads, and a second pull downloads nothing', async () => {
    await using server = await serve();
    await using neuron = await startNeuron(['localhost']);

    const report = await pull(neuron, urlOf(server));
    const load = await neuron.post('/models/load?wait=true', {
      model_id: 'm',
      source: urlOf(server),
    });
    await pull(neuron, urlOf(server));

    expect(report).toMatchObject({ status: 'done', quant: 'Q8_0', bytes_done: TINY.length });
    expect(load.status).toBe(200);
    const whole = server.requests.filter(({ headers }) => !headers.has('range'));
    expect(whole).toHaveLength(1);
  });

  test('that is cut continues at the same byte if the ETag is the same', async () => {
    const arrived = Promise.withResolvers<void>();
    let isCut = false;
    await using server = await serve({
      fault: ({ headers }) => {
        if (isCut || headers.has('range')) return undefined;
        isCut = true;
        return { kind: 'cut', bodyBytes: 4000, until: arrived.promise };
      },
    });
    await using neuron = await startNeuron(['localhost']);
    const pulled = pull(neuron, urlOf(server));
    await until(async () => {
      const report = await neuron.get('/models/pull/m');
      return report.ok && PullReport.parse(await report.json()).bytes_done === 4000;
    });

    arrived.resolve();

    expect(await pulled).toMatchObject({ status: 'done' });
    expect(server.requests.at(-1)?.headers.get('range')).toBe('bytes=4000-');
    expect(server.requests.at(-1)?.headers.get('if-range')).toBe('"one"');
  });

  test('from a server without ranges starts again after a cut', async () => {
    let isCut = false;
    await using server = await serve({
      answer: () => ({ status: 200, headers: { etag: '"one"' }, body: TINY }),
      fault: ({ headers }) => {
        if (isCut || headers.has('range')) return undefined;
        isCut = true;
        return { kind: 'cut', bodyBytes: 4000 };
      },
    });
    await using neuron = await startNeuron(['localhost']);

    expect(await pull(neuron, urlOf(server))).toMatchObject({
      status: 'done',
      bytes_done: TINY.length,
    });
  });

  test('of one part brings all parts of a split model', async () => {
    await using server = await serve();
    await using neuron = await startNeuron(['localhost']);

    const report = await pull(neuron, urlOf(server, '/m-00002-of-00002.gguf'));

    expect(report.files.map(({ name }) => name)).toEqual([
      urlOf(server, '/m-00001-of-00002.gguf'),
      urlOf(server, '/m-00002-of-00002.gguf'),
    ]);
    expect((await neuron.model('m')).on_disk).toBe(true);
  });

  test.each([
    ['this machine', 'https://127.0.0.1:9/m.gguf'],
    ['this machine by name', 'https://localhost:9/m.gguf'],
    ['the metadata service of a cloud', 'https://169.254.169.254/m.gguf'],
    ['a private network', 'https://[fd00::1]/m.gguf'],
    ['this machine, written as a number', 'https://2130706433/m.gguf'],
  ])('does not contact %s, unless https_hosts names it', async (_what, source) => {
    await using neuron = await startNeuron([]);

    const report = await pull(neuron, source);

    expect(report.status).toBe('failed');
    expect(report.error).toContain('its address is not public');
  });

  test('contacts no host but those in https_hosts', async () => {
    await using server = await serve();
    await using neuron = await startNeuron(['files.example']);

    const report = await pull(neuron, urlOf(server));

    expect(report.error).toContain('is not in security.https_hosts');
    expect(server.requests).toEqual([]);
  });

  test.each([
    ['https://127.0.0.1:9/m.gguf', 'is not in security.https_hosts'],
    ['http://localhost/m.gguf', 'is not https'],
  ])('does not follow a redirect to %s', async (location, problem) => {
    await using server = await serve({ answer: () => ({ status: 302, headers: { location } }) });
    await using neuron = await startNeuron(['localhost']);

    const report = await pull(neuron, urlOf(server));

    expect(report.status).toBe('failed');
    expect(report.error).toContain(problem);
    expect(readdirSync(neuron.modelsDir)).toEqual(['tiny.gguf']);
  });

  test('does not trust a certificate of nobody', async () => {
    await using server = await serve();
    await using neuron = await TestNeuron.start({
      flags: { 'security.https_hosts': ['localhost'] },
      parts: { startEngine: scriptedEngine(), pulls: noPauses().pulls },
    });

    const report = await pull(neuron, urlOf(server));

    expect(report.status).toBe('failed');
    expect(server.requests).toEqual([]);
  });
});

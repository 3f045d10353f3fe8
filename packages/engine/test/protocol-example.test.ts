import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { formatHello, readGenerate, readHello, readLoadSpec } from '../src/protocol/index.ts';
import { EngineClient } from '../src/transport/engine-client.ts';
import { eventsOf, never } from './fixtures/requests.ts';

const PAGE = readFileSync(join(import.meta.dir, '../PROTOCOL.md'), 'utf8');

const linesOf = (side: '>' | '<'): readonly unknown[] =>
  PAGE.split('\n')
    .filter((line) => line.startsWith(`${side} {`))
    .map((line): unknown => JSON.parse(line.slice(2)));

const ofKind = (messages: readonly unknown[], kind: string) =>
  messages.filter((message) => JSON.stringify(message).startsWith(`{"kind":"${kind}"`));

test('the example session in PROTOCOL.md matches what this side sends, word for word', async () => {
  const toEngine = linesOf('>');
  const [greeting, ...fromEngine] = linesOf('<');
  const hello = readHello(greeting);
  if (hello.kind !== 'ok') throw new Error('the example does not begin with hello');
  const sent: unknown[] = [formatHello('cortex', '')];
  const troubles: string[] = [];
  const client = new EngineClient(hello.hello, {
    send: (message) => sent.push(JSON.parse(JSON.stringify(message))),
    note: (text) => troubles.push(text),
    abandon: (cause) => troubles.push(cause),
  });
  const [load] = ofKind(toEngine, 'load');
  const [one, two, three, five] = ofKind(toEngine, 'generate').map(
    (message) => readGenerate(message).request,
  );
  if (one === undefined || two === undefined || three === undefined || five === undefined) {
    throw new Error('the example has four requests');
  }

  const loading = client.load(readLoadSpec(load), () => undefined, never());
  const loadedAt = fromEngine.indexOf(ofKind(fromEngine, 'loaded')[0]) + 1;
  for (const message of fromEngine.slice(0, loadedAt)) client.receive(message);
  const loaded = await loading;
  const abort = new AbortController();
  const answers = [one, two, three].map((request) => eventsOf(client.generate(request, never())));
  const tokens = client.tokenize('Hi', { addSpecial: false, parseSpecial: false });
  answers.push(eventsOf(client.generate(five, abort.signal)));
  abort.abort();
  const closed = client.close(2_000);
  for (const message of fromEngine.slice(loadedAt)) client.receive(message);
  client.end('exit code 0');

  expect(troubles).toEqual([]);
  expect(sent).toEqual([...toEngine]);
  expect(loaded).toMatchObject({ capabilities: ['chat', 'completions'], gpuLayers: '0/8' });
  expect(await tokens).toEqual([412]);
  const ends = (await Promise.all(answers)).map((events) => events.at(-1));
  expect(ends).toMatchObject([
    { type: 'done', finish: [{ reason: 'stop' }] },
    { type: 'error', code: 'invalid_request', param: 'temperature' },
    { type: 'done', finish: [{ reason: 'stop', matchedStop: 'five' }] },
    { type: 'done', finish: [{ reason: 'cancelled' }] },
  ]);
  await closed;
});

/** Nodes join a running gateway with a join token. */
import { afterEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';

import { AdminJoinToken, JoinAnswer, type JoinRequest, SealedBody } from '@cortex/protocol';
import { createJoinToken, formatJoinToken, parseJoinToken, seal, unseal } from '@cortex/service';
import { createSelfSigned, FakeClock, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest, toObject } from './gateway-under-test.ts';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

async function start(
  setup: Parameters<typeof GatewayUnderTest.start>[0] = {},
): Promise<GatewayUnderTest> {
  const gateway = await GatewayUnderTest.start(setup);
  open.push(gateway);
  return gateway;
}

function fake(options: ConstructorParameters<typeof FakeNeuron>[0] = {}): FakeNeuron {
  const neuron = new FakeNeuron({ models: [{ id: 'm' }], ...options });
  open.push(neuron);
  return neuron;
}

const tokenOf = async (gateway: GatewayUnderTest): Promise<string> =>
  AdminJoinToken.parse(await (await gateway.admin('/join-tokens', '{}')).json()).token;

const read = (token: string) => parseJoinToken(token) ?? createJoinToken();

/** What a node says that is not there. */
const request = (overrides: Partial<JoinRequest> = {}): JoinRequest => ({
  name: 'beast',
  port: 13131,
  token: 'of-beast',
  ...overrides,
});

/** Joins without an admin key, as `neuron join` does. */
const join = (gateway: GatewayUnderTest, token: string, value: unknown): Promise<Response> => {
  const { id } = read(token);
  return gateway.post('/admin/v1/join', { id, ...seal(read(token), 'request', value) });
};

/** Status, code and message of an answer. */
async function outcomeOf(response: Response): Promise<string> {
  const { code, message } = toObject(toObject(await response.json())['error']);
  return `${response.status} ${String(code)} ${String(message)}`;
}

const namesOf = (gateway: GatewayUnderTest): readonly string[] => [
  ...gateway.running.control.snapshot().nodes.keys(),
];

/** Names in the folder of the nodes that have joined. */
function written(gateway: GatewayUnderTest): readonly string[] {
  const folder = gateway.file('state/nodes.d');
  return existsSync(folder) ? readdirSync(folder).toSorted() : [];
}

describe('a node that joins with a valid token', () => {
  test('is in the fleet at once, over TLS with its own pin and its own token', async () => {
    const tls = createSelfSigned('beast');
    const neuron = fake({ tls, token: 'of-beast' });
    const gateway = await start();
    const token = await tokenOf(gateway);
    const { port } = new URL(neuron.url);

    const response = await join(
      gateway,
      token,
      request({ port: Number(port), tls_fingerprint: `sha256:${tls.fingerprint}` }),
    );
    const sealed = await response.json();
    await gateway.untilKnown(({ nodes }) => nodes.get('beast')?.state === 'up');
    const answer = gateway.chat({ model: 'm' });
    (await neuron.exchange()).json({ ok: true });

    expect(response.status).toBe(200);
    expect(JSON.stringify(sealed)).not.toContain('beast');
    const opened = unseal(read(token), 'answer', SealedBody.parse(sealed));
    expect(JoinAnswer.parse(opened)).toEqual({ name: 'beast', endpoint: neuron.url });
    expect((await answer).status).toBe(200);
    expect((await neuron.exchange()).headers.get('authorization')).toBe('Bearer of-beast');
  });

  test('is written to files that only the owner can read, and is there after a restart', async () => {
    const gateway = await start();

    await join(gateway, await tokenOf(gateway), request());

    expect(written(gateway)).toEqual(['beast.token', 'beast.toml']);
    for (const name of written(gateway)) {
      expect(statSync(gateway.file(`state/nodes.d/${name}`)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(gateway.file('state/nodes.d/beast.token'), 'utf8')).toBe('of-beast\n');
    gateway.running.reload();
    expect(namesOf(gateway)).toEqual(['beast']);
  });

  test('is reached by the host that it names', async () => {
    const gateway = await start();
    const hosts = ['beast.internal', '10.1.2.3', 'fd00::7', '[fd00::8]'];

    for (const [index, host] of hosts.entries()) {
      await join(gateway, await tokenOf(gateway), request({ name: `node-${index}`, host }));
    }

    const { nodes } = gateway.running.control.snapshot();
    expect([...nodes.values()].map(({ endpoint }) => endpoint)).toEqual([
      'http://beast.internal:13131',
      'http://10.1.2.3:13131',
      'http://[fd00::7]:13131',
      'http://[fd00::8]:13131',
    ]);
  });

  test('behind a trusted proxy is reached by its own address', async () => {
    const gateway = await start({ gatewayToml: 'trusted_proxies = ["127.0.0.0/8"]' });
    const token = read(await tokenOf(gateway));

    await gateway.post(
      '/admin/v1/join',
      { id: token.id, ...seal(token, 'request', request()) },
      { headers: { 'x-forwarded-for': '::ffff:198.51.100.7' } },
    );

    expect(gateway.running.control.snapshot().nodes.get('beast')?.endpoint).toBe(
      'http://198.51.100.7:13131',
    );
  });
});

describe('a join is refused with the same 401', () => {
  const REFUSED = /^401 invalid_api_key The join token is not valid/;

  test('for a token that was used', async () => {
    const gateway = await start();
    const token = await tokenOf(gateway);
    await join(gateway, token, request());

    const again = await outcomeOf(await join(gateway, token, request({ name: 'other' })));

    expect(again).toMatch(REFUSED);
    expect(namesOf(gateway)).toEqual(['beast']);
  });

  test('for a wrong secret, an unknown id and an old token, which are not told apart', async () => {
    const clock = new FakeClock();
    const gateway = await start({ clock });
    const token = await tokenOf(gateway);
    const other = createJoinToken();
    const wrong = formatJoinToken({ id: read(token).id, secret: other.secret });

    const outcomes = [
      await outcomeOf(await join(gateway, wrong, request())),
      await outcomeOf(await join(gateway, formatJoinToken(other), request())),
      await outcomeOf(
        await gateway.post('/admin/v1/join', { id: read(token).id, iv: '', data: '' }),
      ),
    ];
    clock.advance(3_600_000);
    outcomes.push(await outcomeOf(await join(gateway, token, request())));

    expect(outcomes[0]).toMatch(REFUSED);
    expect(new Set(outcomes).size).toBe(1);
    expect(written(gateway)).toEqual([]);
  });

  test('for all but one of the nodes that use one token at the same time', async () => {
    const gateway = await start();
    const token = await tokenOf(gateway);

    const responses = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name, index) =>
        join(gateway, token, request({ name, port: 13_131 + index })),
      ),
    );

    expect(responses.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([
      200, 401, 401, 401,
    ]);
    expect(namesOf(gateway)).toHaveLength(1);
  });
});

describe('a join that is refused leaves the token valid and writes nothing', () => {
  test.each([
    ['a name that a node of cortex.toml has', { name: 'taken' }, '409 conflict'],
    ['a name that is no file name', { name: '../x' }, '400 invalid_request'],
    ['a port that is none', { port: 65_536 }, '400 invalid_request'],
    ['a host with a path', { host: 'beast/evil' }, '400 invalid_request'],
    ['a host that stands for every address', { host: '0.0.0.0' }, '400 invalid_request'],
    ['a token with a line break', { token: 'a\nb' }, '400 invalid_request'],
  ])('for %s', async (_what, overrides, outcome) => {
    const gateway = await start({ neurons: { taken: fake() } });
    const token = await tokenOf(gateway);

    const refused = await outcomeOf(await join(gateway, token, request(overrides)));
    const left = written(gateway);
    const accepted = await join(gateway, token, request());

    expect(refused).toStartWith(outcome);
    expect(left).toEqual([]);
    expect(accepted.status).toBe(200);
  });

  test('for an endpoint that another node has', async () => {
    const taken = fake();
    const gateway = await start({ neurons: { taken } });
    const port = Number(new URL(taken.url).port);

    const refused = await outcomeOf(await join(gateway, await tokenOf(gateway), request({ port })));

    expect(refused).toStartWith('409 conflict The node taken has the endpoint');
    expect(written(gateway)).toEqual([]);
  });

  test('for a configuration with a mistake', async () => {
    const gateway = await start();
    const token = await tokenOf(gateway);
    const good = readFileSync(gateway.file('cortex.toml'), 'utf8');
    writeFileSync(gateway.file('cortex.toml'), `${good}\nmistake = 1\n`);

    const refused = await outcomeOf(await join(gateway, token, request()));
    const left = written(gateway);
    writeFileSync(gateway.file('cortex.toml'), good);
    const accepted = await join(gateway, token, request());

    expect(refused).toStartWith('409 conflict The configuration of the gateway has a mistake');
    expect(left).toEqual([]);
    expect(accepted.status).toBe(200);
  });

  test('for a file of the same name that cannot be replaced', async () => {
    const gateway = await start();
    const token = await tokenOf(gateway);
    mkdirSync(gateway.file('state/nodes.d/beast.token'), { recursive: true });

    const refused = await outcomeOf(await join(gateway, token, request()));
    const accepted = await join(gateway, token, request({ name: 'other' }));

    expect(refused).toStartWith('500 internal_error');
    expect(accepted.status).toBe(200);
    expect(written(gateway)).toEqual(['beast.token', 'other.token', 'other.toml']);
  });
});

describe('the routes of joining', () => {
  test('make tokens only for callers with the admin key', async () => {
    const gateway = await start();

    expect((await gateway.post('/admin/v1/join-tokens', '{}')).status).toBe(401);
    const { token, expires_in_s: seconds } = AdminJoinToken.parse(
      await (await gateway.admin('/join-tokens', '{}')).json(),
    );
    expect(token).toMatch(/^[\w-]{55}$/);
    expect(seconds).toBe(3600);
  });

  test('read no large body of a caller without a key', async () => {
    const gateway = await start();

    const response = await gateway.post('/admin/v1/join', { id: 'x'.repeat(20_000) });

    expect(response.status).toBe(413);
  });
});

const nodeToml = (url: string): string =>
  `[[neurons]]\nname = "own"\nendpoint = "${url}"\ntoken_file = "own.token"\n`;

describe('neurons[].token_file', () => {
  test('that cannot be read is named with file, line and key, and the earlier configuration stays in use until it can', async () => {
    const clock = new FakeClock();
    const neuron = fake({ token: 'secret' });
    const gateway = await start({ neurons: { first: fake() }, clock });
    mkdirSync(gateway.file('nodes.d'));
    const toml = nodeToml(neuron.url).replace('own.token', '../later.token');
    writeFileSync(gateway.file('nodes.d/own.toml'), toml);

    clock.advance(5000);
    const warning = gateway.lines.find(({ level }) => level === 'warn')?.['msg'];
    const before = namesOf(gateway);
    writeFileSync(gateway.file('later.token'), 'secret\n', { mode: 0o600 });
    clock.advance(5000);

    expect(String(warning)).toMatch(
      /nodes\.d\/own\.toml:4: neurons\[1\]\.token_file: .*later\.token cannot be read: no such file/,
    );
    expect(before).toEqual(['first']);
    expect(namesOf(gateway)).toEqual(['first', 'own']);
  });

  test('is read again when it changes', async () => {
    const clock = new FakeClock();
    const neuron = fake({ token: 'old' });
    const gateway = await start({ clock });
    mkdirSync(gateway.file('nodes.d'));
    writeFileSync(gateway.file('nodes.d/own.toml'), nodeToml(neuron.url));
    writeFileSync(gateway.file('nodes.d/own.token'), 'old\n', { mode: 0o600 });
    clock.advance(5000);
    await gateway.untilKnown(({ nodes }) => nodes.get('own')?.state === 'up');

    neuron.setTokens(['new']);
    writeFileSync(gateway.file('nodes.d/own.token'), 'new\n');
    clock.advance(5000);
    const answer = gateway.chat({ model: 'm' });
    (await neuron.exchange()).json({ ok: true });

    expect((await answer).status).toBe(200);
    expect((await neuron.exchange()).headers.get('authorization')).toBe('Bearer new');
  });
});

/** `neuron join`, and `joined.toml`, which it writes. */
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CortexError, JoinCall, JoinRequest, renderError } from '@cortex/protocol';
import { createJoinToken, formatJoinToken, seal, unseal } from '@cortex/service';
import { createSelfSigned } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterEach, describe, expect, test } from 'bun:test';

import { nameFrom } from '../src/commands/join.ts';
import { loadNeuronConfig } from '../src/config.ts';
import { runNeuron } from '../src/program.ts';

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

const TOKEN = createJoinToken();

interface Gateway {
  readonly url: string;
  /** What nodes have said. */
  readonly requests: readonly JoinRequest[];
}

/** A gateway that knows `TOKEN`. */
function serve({
  endpoint = 'https://10.0.0.7:13131',
  answer,
}: {
  readonly endpoint?: string;
  /** Instead of a join. */
  readonly answer?: () => Response;
} = {}): Gateway {
  const requests: JoinRequest[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const call = JoinCall.parse(await request.json());
      const said = JoinRequest.parse(unseal(TOKEN, 'request', call));
      requests.push(said);
      return answer?.() ?? Response.json(seal(TOKEN, 'answer', { name: said.name, endpoint }));
    },
  });
  servers.push(server);
  return { url: `http://127.0.0.1:${server.port}`, requests };
}

const refusing = (code: 'invalid_api_key' | 'conflict', message: string) => () => {
  const { status, body } = renderError(new CortexError(code, message), 'openai', 'req_1');
  return Response.json(body, { status });
};

/** A machine with this neuron.toml; its state folder is `state` beside it. */
function machine(toml = '') {
  const folder = temporaryFolder('neuron-join');
  const file = join(folder, 'neuron.toml');
  writeFileSync(file, `state_dir = "state"\n${toml}`);
  const state = join(folder, 'state');
  return {
    folder,
    file,
    state,
    /** The names in its state folder. */
    written: () => (existsSync(state) ? readdirSync(state).toSorted() : []),
    load: (env: Record<string, string> = {}) => loadNeuronConfig({ file, env }),
  };
}

type Machine = ReturnType<typeof machine>;

async function run(args: readonly string[]) {
  const printed: string[] = [];
  const said: string[] = [];
  const code = await runNeuron(args, {
    env: {},
    output: { print: (text) => void printed.push(text), warn: (text) => void said.push(text) },
  });
  return { code, text: printed.join('\n'), errors: said.join('\n') };
}

const joinFrom = ({ file }: Machine, { url }: { url: string }, ...more: readonly string[]) =>
  run(['join', url, formatJoinToken(TOKEN), '-c', file, ...more]);

const ALL_FILES = ['joined.toml', 'node.token', 'tls.crt', 'tls.key'];

describe('neuron join', () => {
  test('makes a token and a certificate, sends both, and writes what the daemon needs', async () => {
    const gateway = serve();
    const node = machine();

    const { code, text } = await joinFrom(node, gateway, '--name', 'beast');

    const { value, origins } = node.load();
    const certificate = new X509Certificate(readFileSync(join(node.state, 'tls.crt')));
    const digest = createHash('sha256').update(certificate.raw).digest('hex');
    expect(code).toBe(0);
    expect(gateway.requests).toEqual([
      {
        name: 'beast',
        port: 13_131,
        tls_fingerprint: `sha256:${digest}`,
        token: readFileSync(join(node.state, 'node.token'), 'utf8').trim(),
      },
    ]);
    expect(gateway.requests[0]?.token).toMatch(/^[0-9a-f]{64}$/);
    expect(value.listen).toBe('0.0.0.0:13131');
    expect(value.security).toMatchObject({
      node_token_file: join(node.state, 'node.token'),
      tls_cert: join(node.state, 'tls.crt'),
      tls_key: join(node.state, 'tls.key'),
    });
    expect(origins.get('listen')).toBe(`${join(node.state, 'joined.toml')}:2`);
    expect(node.written()).toEqual(ALL_FILES);
    for (const name of ['joined.toml', 'node.token', 'tls.key'])
      expect(statSync(join(node.state, name)).mode & 0o777).toBe(0o600);
    expect(text).toContain('beast has joined the fleet');
    expect(text).toContain('https://10.0.0.7:13131');
    for (const name of ALL_FILES) expect(text).toContain(join(node.state, name));
    expect(text).toContain(`neuron serve -c ${node.file}`);
    expect(text).toContain('cortex status');
  });

  test('sends the token and the certificate that neuron.toml names, its port, and the host', async () => {
    const gateway = serve();
    const node = machine(
      'listen = "0.0.0.0:4000"\n[security]\nnode_token_file = "token"\ntls_cert = "crt"\ntls_key = "key"\n',
    );
    const tls = createSelfSigned('beast');
    writeFileSync(join(node.folder, 'token'), 'new\nold\n', { mode: 0o600 });
    writeFileSync(join(node.folder, 'crt'), tls.cert);
    writeFileSync(join(node.folder, 'key'), tls.key, { mode: 0o600 });

    await joinFrom(node, gateway, '--name', 'beast', '--host', 'beast.internal');

    expect(gateway.requests).toEqual([
      {
        name: 'beast',
        port: 4000,
        tls_fingerprint: `sha256:${tls.fingerprint}`,
        token: 'new',
        host: 'beast.internal',
      },
    ]);
    expect(node.written()).toEqual([]);
  });

  test('with an address beyond loopback and no token in neuron.toml makes the token', async () => {
    const node = machine('listen = "0.0.0.0:4000"\n');

    const { code } = await joinFrom(node, serve());

    expect(code).toBe(0);
    expect(node.load().value.listen).toBe('0.0.0.0:4000');
    expect(readFileSync(join(node.state, 'joined.toml'), 'utf8')).not.toContain('listen');
  });

  test('for a second gateway keeps token and certificate, so that the first one stays able to call', async () => {
    const [first, second] = [serve(), serve()];
    const node = machine();

    await joinFrom(node, first);
    const { text } = await joinFrom(node, second, '--json');

    expect(second.requests).toEqual([...first.requests]);
    expect(JSON.parse(text)).toMatchObject({ gateway: second.url, written: [] });
  });

  test('listens on IPv6 as well if the gateway calls an IPv6 address', async () => {
    const node = machine();

    await joinFrom(node, serve({ endpoint: 'https://[fd00::7]:13131' }));

    expect(node.load().value.listen).toBe('[::]:13131');
  });

  test('names the node after the host', () => {
    expect(['beast.internal', 'GPU_1', '-x', 'ä', 'x'.repeat(80)].map(nameFrom)).toEqual([
      'beast',
      'GPU_1',
      'x',
      'node',
      'x'.repeat(63),
    ]);
  });
});

describe('neuron join fails and writes nothing', () => {
  const REFUSALS = {
    'a token that is not valid': [
      refusing('invalid_api_key', 'The join token is not valid.'),
      'refuses: The join token is not valid.',
    ],
    'a name that is taken': [
      refusing('conflict', 'The fleet has a node beast already.'),
      'has a node beast already',
    ],
    'an answer of another program': [
      () => new Response('<html>'),
      'did not answer like the gateway that made this token (status 200)',
    ],
    'an answer that was sealed with another secret': [
      () => Response.json(seal(createJoinToken(), 'answer', { name: 'x', endpoint: 'http://x' })),
      'did not answer like the gateway that made this token',
    ],
  } as const;
  for (const [what, [answer, message]] of Object.entries(REFUSALS)) {
    test(`for ${what}`, async () => {
      const node = machine();

      const { code, errors } = await joinFrom(node, serve({ answer }));

      expect(code).toBe(1);
      expect(errors).toContain(message);
      expect(node.written()).toEqual([]);
    });
  }

  test('for a gateway that does not answer', async () => {
    const node = machine();

    const { code, errors } = await joinFrom(node, { url: 'http://127.0.0.1:1' });

    expect(code).toBe(1);
    expect(errors).toMatch(
      /^neuron: no gateway answers at http:\/\/127\.0\.0\.1:1: the host refused the connection/,
    );
    expect(node.written()).toEqual([]);
  });

  test.each([
    ['listen = "127.0.0.1:4000"', /neuron\.toml:2: listen: .*this machine only.*"0\.0\.0\.0:4000"/],
    ['listen = "0.0.0.0:0"', /neuron\.toml:2: listen: "0\.0\.0\.0:0" has no fixed port/],
    [
      '[security]\nnode_token_file = "absent"',
      /neuron\.toml:3: security\.node_token_file: .*absent/,
    ],
  ])('with the setting %s', async (toml, message) => {
    const gateway = serve();
    const node = machine(`${toml}\n`);

    const { code, errors } = await joinFrom(node, gateway);

    expect(code).toBe(1);
    expect(errors).toMatch(message);
    expect(gateway.requests).toEqual([]);
    expect(node.written()).toEqual([]);
  });

  test('when the state folder cannot be written', async () => {
    const node = machine();
    writeFileSync(node.state, 'a file');

    const { code, errors } = await joinFrom(node, serve());

    expect(code).toBe(1);
    expect(errors).toMatch(/neuron\.toml:1: state_dir: .* cannot be written/);
  });

  test.each([
    ['a URL that is none', ['nowhere', formatJoinToken(TOKEN)]],
    ['a token that is none', ['http://127.0.0.1:1', 'token']],
    ['a name that is none', ['http://127.0.0.1:1', formatJoinToken(TOKEN), '--name', '../x']],
  ])('with 2 for %s', async (_what, args) => {
    expect((await run(['join', ...args])).code).toBe(2);
  });
});

describe('joined.toml', () => {
  test('is below neuron.toml, variables and flags', () => {
    const node = machine('listen = "127.0.0.1:4000"\n');
    mkdirSync(node.state);
    writeFileSync(
      join(node.state, 'joined.toml'),
      'listen = "0.0.0.0:1"\n[security]\nnode_token_file = "t"\ntls_cert = "c"\ntls_key = "k"\n',
    );

    const { value, origins } = node.load({ NEURON_SECURITY__TLS_CERT: '/env.crt' });

    expect(value.listen).toBe('127.0.0.1:4000');
    expect(origins.get('listen')).toBe(`${node.file}:2`);
    expect(value.security.tls_cert).toBe('/env.crt');
    expect(origins.get('security.tls_cert')).toBe('NEURON_SECURITY__TLS_CERT');
    expect(value.security.tls_key).toBe(join(node.state, 'k'));
  });

  test('with a mistake is named with its line', () => {
    const node = machine();
    mkdirSync(node.state);
    writeFileSync(join(node.state, 'joined.toml'), '\nlistn = "x"\n');

    expect(() => node.load()).toThrow(`${join(node.state, 'joined.toml')}:2: unknown key listn`);
  });
});

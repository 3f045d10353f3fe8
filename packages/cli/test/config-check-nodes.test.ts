import { afterEach, expect, test } from 'bun:test';

import { checkModels } from '../src/config-check/check-models.ts';

const NEURON = { weight: 1, expected_offline: false } as const;
const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

/** A neuron that wants the token `sesame`; gives its base URL. */
function serve(): string {
  const discovery = {
    hostname: 'beast',
    os: 'Linux',
    kernel: '6',
    arch: 'x64',
    cpu: { model: 'x', cores: 1 },
    ram_total_mb: 1,
    storage: [],
    devices: [],
    harnesses: ['llama'],
  };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ headers, url }) => {
      if (headers.get('authorization') !== 'Bearer sesame')
        return new Response('', { status: 401 });
      return Response.json(url.endsWith('/models') ? [] : discovery);
    },
  });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

const answerTo = async (token: string | undefined): Promise<string | undefined> => {
  const { nodes } = await checkModels([{ ...NEURON, name: 'beast', endpoint: serve() }], [], token);
  return nodes[0]?.answer;
};

test('config check sends the node token, and says when a node refuses it or wants one', async () => {
  expect(await answerTo('sesame')).toBe('ok');
  expect(await answerTo('wrong')).toBe('it refuses the token of auth.node_token_file');
  expect(await answerTo(undefined)).toBe('it wants a token: set auth.node_token_file');
});

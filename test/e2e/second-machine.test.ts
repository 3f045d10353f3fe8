/** The README's steps for more machines, followed as a reader does: in other folders, with the commands on the PATH. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { askStream, askWhole, GOOD_ANSWER, post } from './ask.ts';
import { eventually } from './processes.ts';
import { freePort } from './free-port.ts';
import { codeBlocks } from './readme-section.ts';
import { Program, ROOT, Workspace } from './start-up.ts';

const NodeReady = z.object({ pid: z.int(), node: z.url(), tls_fingerprint: z.string().optional() });
const GatewayReady = z.object({ pid: z.int(), api: z.url(), metrics: z.url() });

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0).toReversed()) await thing.close();
});

/** A machine: a folder of its own, and the environment after the README's first step. */
class Machine {
  readonly #workspace = new Workspace();
  readonly folder: string;

  constructor() {
    this.folder = this.#workspace.dir;
    open.push({ close: async () => this.#workspace[Symbol.dispose]() });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  /** Starts a command of the README in this machine's folder. */
  start(line: string): Program {
    const first = codeBlocks('A second machine', 'sh')[0] ?? '';
    const path = first.replace('$PWD', ROOT).trim();
    const program = new Program(['sh', '-c', `${path}\nexec ${line}`], {
      cwd: this.folder,
      env: { CORTEX_STATE_DIR: this.path('cortex-state'), NO_COLOR: '1' },
    });
    open.push({
      async close() {
        program.child.kill('SIGTERM');
        await program.ended;
      },
    });
    return program;
  }

  /** Runs a command of the README to its end. @throws Error with its output when it fails */
  async run(line: string): Promise<string> {
    const program = this.start(`sh -c '${line.replaceAll("'", `'\\''`)}'`);
    const code = await program.ended;
    if (code !== 0) throw new Error(`${line} ended with ${code}:\n${program.output}`);
    return program.output;
  }

  /** Starts a daemon and reads its ready file. */
  async serve<T>(line: string, schema: z.ZodType<T>): Promise<T> {
    const readyFile = this.path(`${crypto.randomUUID()}.json`);
    const program = this.start(`${line.trim()} --ready-file ${readyFile}`);
    const ended = program.ended.then((code) => {
      throw new Error(`${line} ended with ${code}:\n${program.output}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ended, eventually(line, () => existsSync(readyFile), 20_000)]);
    return schema.parse(JSON.parse(readFileSync(readyFile, 'utf8')));
  }
}

const [, startFleet = '', joinFleet = ''] = codeBlocks('A second machine', 'sh');
const [, makeToken = ''] = startFleet.trim().split('\n');
const [joinNode = '', serveJoined = ''] = joinFleet.trim().split('\n');
const [joiningToml = ''] = codeBlocks('A second machine', 'toml');
const [createToken = '', startNode = '', startGateway = ''] = codeBlocks(
  'A second machine by hand',
  'sh',
);
const [neuronToml = '', cortexToml = ''] = codeBlocks('A second machine by hand', 'toml');
const [examineNode = '', serveNode = ''] = startNode.trim().split('\n');
const [checkGateway = '', serveGateway = ''] = startGateway
  .trim()
  .split('\n')
  .map((line) => line.replace(/ +#.*$/, ''));

/** A GPU host with the demonstration model. All hosts of the test are this machine, so their ports are free ones. */
function createHost(toml = neuronToml): Machine {
  const host = new Machine();
  mkdirSync(host.path('models'));
  cpSync(join(ROOT, 'models/cortex-tiny.gguf'), host.path('models/cortex-tiny.gguf'));
  const text = toml
    .replace('0.0.0.0:13131', '127.0.0.1:0')
    .replace('/srv/models', 'models')
    .replace('/srv/neuron', 'state');
  host.write('neuron.toml', `${text}[engine]\nthreads = 1\n`);
  return host;
}

/** The gateway's configuration for these nodes. */
function createGateway(nodes: Readonly<Record<string, { url: string; pin?: string }>>): Machine {
  const gateway = new Machine();
  const [before = ''] = cortexToml.split('[[neurons]]');
  const neurons = Object.entries(nodes).map(
    ([name, { url, pin }]) =>
      `[[neurons]]\nname = "${name}"\nendpoint = "${url}"\n${pin === undefined ? '' : `tls_fingerprint = "${pin}"\n`}`,
  );
  const text = before.replace(
    'listen = "0.0.0.0:31313"',
    'metrics_listen = "127.0.0.1:0"\nlisten = "127.0.0.1:0"',
  );
  gateway.write('cortex.toml', text + neurons.join(''));
  return gateway;
}

const isUp = async (api: string, nodes: number): Promise<boolean> => {
  const health: unknown = await (await fetch(`${api}/health`)).json();
  return JSON.stringify(health).includes(`"healthy":${nodes}`);
};

describe('the steps of the README', () => {
  test('for a second machine add a node with a token of the gateway', async () => {
    const gateway = createGateway({});
    const host = createHost(`listen = "0.0.0.0:${await freePort()}"\n${joiningToml}`);
    gateway.write('token', 'shared');

    const { api } = await gateway.serve(serveGateway, GatewayReady);
    const printed = await gateway.run(`${makeToken} --url ${api}`);
    const [, given = ''] = /^neuron join (\S+ \S+)$/m.exec(printed) ?? [];
    await host.run(joinNode.replace('http://cortex.internal:31313 TOKEN', given));
    const { node } = await host.serve(serveJoined, NodeReady);
    await eventually('the node', () => isUp(api, 1), 20_000);
    const answer = await askWhole(api);

    expect(node).toStartWith('https://');
    expect(answer.choices[0]?.message.content).toMatch(GOOD_ANSWER);
  }, 60_000);

  test('for a second machine work with two nodes, each in a folder of its own', async () => {
    const [one, two] = [createHost(), createHost()];
    await one.run(createToken);
    cpSync(one.path('token'), two.path('token'));
    const examined = await one.run(examineNode);
    const [first, second] = [
      await one.serve(serveNode, NodeReady),
      await two.serve(serveNode, NodeReady),
    ];
    const gateway = createGateway({ beast: { url: first.node }, benjy: { url: second.node } });
    cpSync(one.path('token'), gateway.path('token'));

    const checked = await gateway.run(checkGateway);
    const { api } = await gateway.serve(serveGateway, GatewayReady);
    await eventually('both nodes', () => isUp(api, 2));
    const answer = await askWhole(api);

    expect(examined).not.toMatch(/^wrong/m);
    expect(checked).toContain('beast');
    expect(checked).toContain('benjy');
    expect(answer.choices[0]?.message.content).toMatch(GOOD_ANSWER);
  }, 60_000);

  test('for encrypted connections let the gateway stream from a node with its own certificate, and from no other', async () => {
    const host = createHost();
    await host.run(createToken);
    const printed = await host.run('neuron cert -c neuron.toml');
    const lines = (names: RegExp) =>
      printed
        .split('\n')
        .filter((line) => names.test(line))
        .join('\n');
    const toml = readFileSync(host.path('neuron.toml'), 'utf8');
    host.write(
      'neuron.toml',
      toml.replace('[security]', `[security]\n${lines(/^tls_(?:cert|key)/)}`),
    );
    const { node, tls_fingerprint: pin } = await host.serve(serveNode, NodeReady);
    const trusting = createGateway({ beast: { url: node, pin: pin ?? '' } });
    const mistaken = createGateway({ beast: { url: node, pin: `sha256:${'0'.repeat(64)}` } });
    for (const gateway of [trusting, mistaken]) cpSync(host.path('token'), gateway.path('token'));

    const { api } = await trusting.serve(serveGateway, GatewayReady);
    const report = await askStream(api);
    const { api: mistakenApi } = await mistaken.serve(serveGateway, GatewayReady);
    const refused = await post(mistakenApi, {});

    expect(lines(/^tls_fingerprint/)).toBe(`tls_fingerprint = "${pin}"`);
    expect(node).toStartWith('https://');
    expect(report).toMatchObject({ status: 200, hasDone: true });
    expect(report.text).toMatch(GOOD_ANSWER);
    expect(refused.status).toBeGreaterThanOrEqual(404);
    expect(await (await fetch(`${mistakenApi}/health`)).text()).toContain('"healthy":0');
  }, 60_000);

  test('for a node without a gateway give one person a node that answers', async () => {
    const host = new Machine();
    mkdirSync(host.path('models'));
    cpSync(join(ROOT, 'models/cortex-tiny.gguf'), host.path('models/cortex-tiny.gguf'));
    const [toml = ''] = codeBlocks('A node without a gateway', 'toml');
    const [serve = '', ask = '', load = ''] = codeBlocks('A node without a gateway', 'sh');
    host.write('neuron.toml', `listen = "127.0.0.1:0"\n${toml}[engine]\nthreads = 1\n`);

    const { node } = await host.serve(serve, NodeReady);
    const here = (line: string): string => line.replace('http://127.0.0.1:13131', node);
    await host.run(here(load));
    const answer = await host.run(here(ask));

    expect(answer).toMatch(GOOD_ANSWER);
    expect(answer).toContain('"object":"chat.completion"');
  }, 60_000);
});

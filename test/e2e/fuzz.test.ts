/** Bodies that no client should send, to every POST route of a real gateway in front of a real node. */
import { afterAll, beforeAll, expect, test } from 'bun:test';

import { NodeHealth } from '@cortex/protocol';
import { embeddingModel, rankModel, writeModel } from '@cortex/testkit/gguf/pooled-models';

import { processRssMib } from '../../bench/process-figures.ts';
import { type HostileBody, hostileBodies } from './hostile-bodies.ts';
import { MODELS, POST_ROUTES, type PostRoute } from './post-routes.ts';
import { eventually } from './processes.ts';
import { neuronProcess, SCALE, startUp, type Up, Workspace } from './start-up.ts';

const SEED = Number(process.env['SEED'] ?? 1);
/** Bodies per route that the seed chooses. */
const DRAWN = Math.round(200 * SCALE);
const CLIENTS = 8;
/** No body here has that much work; an answer that has not ended by then never will. */
const HANG_MS = 60_000;
const SETTLE_MS = 20_000;
/** Heaps of this size come and go. All bodies together are larger. */
const GROWTH_MIB = 64;

let up: Up;
beforeAll(async () => {
  const workspace = new Workspace();
  writeModel(embeddingModel(), workspace.modelsDir, `${MODELS.embedding}.gguf`);
  writeModel(rankModel(), workspace.modelsDir, `${MODELS.rank}.gguf`);
  up = await startUp({ workspace });
});
afterAll(() => up[Symbol.asyncDispose]());

interface Sent extends HostileBody {
  readonly route: PostRoute;
}

/** The routes take turns. */
function allBodies(): readonly Sent[] {
  const perRoute = POST_ROUTES.map((route, index): readonly Sent[] => {
    const isJson = route.contentType === 'application/json';
    const options = { isJson, seed: SEED + index, count: DRAWN };
    return hostileBodies(route.body, options).map((body) => ({ ...body, route }));
  });
  const most = Math.max(...perRoute.map(({ length }) => length));
  return Array.from({ length: most }, (_, nth) => perRoute.flatMap((all) => all[nth] ?? [])).flat();
}

const post = ({ path, contentType }: PostRoute, body: BodyInit): Promise<Response> =>
  fetch(up.api + path, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body,
    signal: AbortSignal.timeout(HANG_MS),
  });

/** What a node or the gateway has done wrong, in an answer that began well. */
const FAULT_IN_STREAM =
  /"code":"(?:internal_error|node_protocol_error|node_unreachable|upstream_disconnected|node_timeout)"/;

function isRefusal({ isRefusal: holds }: PostRoute, text: string): boolean {
  try {
    return holds(JSON.parse(text));
  } catch {
    // Not JSON, so no error of any API.
    return false;
  }
}

/** What is wrong with an answer; undefined: nothing. */
function faultOf(route: PostRoute, status: number, text: string): string | undefined {
  if (status >= 200 && status < 300) return FAULT_IN_STREAM.exec(text)?.[0];
  // Anthropic says 529 where others say 503.
  const isExpected = (status >= 400 && status < 499) || status === 503 || status === 529;
  if (isExpected && isRefusal(route, text)) return undefined;
  return `${isExpected ? 'not an error of its API, ' : ''}status ${status}: ${text.slice(0, 200)}`;
}

async function faultFor({ route, bytes, label }: Sent): Promise<string | undefined> {
  const fault = await post(route, bytes)
    .then(async (answer) => faultOf(route, answer.status, await answer.text()))
    .catch((error: unknown) => `no whole answer: ${String(error)}`);
  return fault === undefined ? undefined : `${route.path}, the body ${label}: ${fault}`;
}

/** Sends all, several at a time; what was wrong with the answers. */
async function sendAll(bodies: readonly Sent[]): Promise<readonly string[]> {
  const faults: string[] = [];
  const left = bodies.values();
  const client = async (): Promise<void> => {
    for (const body of left) {
      const fault = await faultFor(body);
      if (fault !== undefined) faults.push(fault);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return faults;
}

const GAUGE = /^cortex_model_(?:in_flight|queue_depth)\{.*\} [1-9].*$/gm;

/** Requests that the gateway or the node still has. */
async function requestsLeft(): Promise<readonly string[]> {
  const page = await (await fetch(`${up.metrics}/metrics`)).text();
  const health = NodeHealth.parse(await (await fetch(`${up.node}/health`)).json());
  const onNode = health.models.filter((model) => model.in_flight + model.queue_depth > 0);
  return [...(page.match(GAUGE) ?? []), ...onNode.map(({ id }) => `${id} on the node`)];
}

/** Resident memory of the gateway and of the node, MiB. */
const memory = (): readonly number[] =>
  [up.pid, neuronProcess(up)?.pid ?? up.pid].map(processRssMib);

test('the bodies that are made hostile are valid', async () => {
  const answers = await Promise.all(
    POST_ROUTES.map(async (route) => {
      const answer = await post(route, route.body);
      return { ...route, got: answer.status, text: await answer.text() };
    }),
  );

  const refused = answers.filter(({ status, got }) => got !== status);
  expect(refused.map(({ path, text }) => `${path}: ${text}`)).toEqual([]);
});

test(
  `hostile bodies, ${DRAWN} for each POST route drawn with SEED=${SEED}, are answered or refused in the API of the route, and leave nothing`,
  async () => {
    const bodies = allBodies();
    const third = Math.floor(bodies.length / 3);

    const early = await sendAll(bodies.slice(0, third));
    const before = memory();
    const late = await sendAll(bodies.slice(third));
    const growth = memory().map((mib, index) => Math.round(mib - (before[index] ?? 0)));

    expect([...early, ...late]).toEqual([]);
    await eventually('no request left', async () => (await requestsLeft()).length === 0, SETTLE_MS);
    expect(growth.filter((mib) => mib > GROWTH_MIB)).toEqual([]);
  },
  { timeout: 120_000 + POST_ROUTES.length * DRAWN * 100 },
);

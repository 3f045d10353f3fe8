import { type GatewayConfig, type ModelsConfig } from '@cortex/gateway';
import { Discovery, type ModelEntry, NodeModels } from '@cortex/protocol';
import { type z } from 'zod';

import { bypassProxy } from '../client/bypass-proxy.ts';

/** A neuron that has not answered by then is reported as away. */
const ASK_TIMEOUT_MS = 3000;

type Neuron = GatewayConfig['neurons'][number];
type Profile = ModelsConfig['models'][number];

export interface NodeCheck {
  readonly name: string;
  readonly endpoint: string;
  /** `ok`, or why it could not be asked. */
  readonly answer: string;
}

export interface ModelCheck {
  readonly id: string;
  readonly harness: string;
  /** Nodes that hold its files and have its engine. */
  readonly nodes: readonly string[];
  /** Why no node can serve it; absent where one can. */
  readonly note?: string;
}

interface NodeAnswer {
  readonly check: NodeCheck;
  readonly harnesses: readonly string[];
  readonly models: readonly ModelEntry[];
}

async function get<T>(url: string, schema: z.ZodType<T>, token: string | undefined): Promise<T> {
  const response = await fetch(url, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
  });
  if (response.status === 401)
    throw new Error(
      token === undefined
        ? 'it wants a token: set auth.node_token_file'
        : 'it refuses the token of auth.node_token_file',
    );
  if (!response.ok) throw new Error(`answered ${response.status}`);
  return schema.parse(await response.json());
}

async function ask({ name, endpoint }: Neuron, token: string | undefined): Promise<NodeAnswer> {
  bypassProxy(endpoint);
  const base = endpoint.replace(/\/+$/, '');
  try {
    const [discovery, models] = await Promise.all([
      get(`${base}/discovery`, Discovery, token),
      get(`${base}/models`, NodeModels, token),
    ]);
    return { check: { name, endpoint, answer: 'ok' }, harnesses: discovery.harnesses, models };
  } catch (error) {
    const answer = error instanceof Error ? error.message : String(error);
    return { check: { name, endpoint, answer }, harnesses: [], models: [] };
  }
}

function checkModel({ id, harness }: Profile, answers: readonly NodeAnswer[]): ModelCheck {
  const answering = answers.filter(({ check }) => check.answer === 'ok');
  const able = answering.filter(({ harnesses }) => harnesses.includes(harness));
  const holding = able.filter(({ models }) =>
    models.some((model) => model.id === id && (model.on_disk || model.status === 'loaded')),
  );
  const nodes = holding.map(({ check }) => check.name);
  if (nodes.length > 0) return { id, harness, nodes };
  if (answers.length === 0) return { id, harness, nodes, note: 'no [[neurons]] are configured' };
  if (answering.length === 0) return { id, harness, nodes, note: 'no neuron answers' };
  if (able.length === 0)
    return { id, harness, nodes, note: `no neuron has the harness ${harness}` };
  return { id, harness, nodes, note: 'its files are on no node' };
}

/**
 * Asks every neuron once, and says for every model of the catalogue which of them can serve it.
 *
 * @param token - Sent to every neuron; undefined: none.
 */
export async function checkModels(
  neurons: readonly Neuron[],
  profiles: readonly Profile[],
  token: string | undefined,
): Promise<{ readonly nodes: readonly NodeCheck[]; readonly checks: readonly ModelCheck[] }> {
  const answers = await Promise.all(neurons.map((neuron) => ask(neuron, token)));
  return {
    nodes: answers.map(({ check }) => check),
    checks: profiles.map((profile) => checkModel(profile, answers)),
  };
}

import {
  AdminAdded,
  AdminDrainResult,
  AdminExplanation,
  AdminFleet,
  AdminFreeResult,
  AdminJoinToken,
  AdminModelResult,
  AdminNodes,
  AdminPull,
  AdminRemoved,
  AdminPinResults,
  ChatCompletionChunk,
  ModelList,
  type AdminNode,
  type CompletionUsage,
  ListedModel,
  readEvents,
  withProxyExceptions,
} from '@cortex/protocol';
import { z } from 'zod';

import { CliError } from '../cli-error.ts';
import { type AdminKeys } from './admin-key.ts';
import { callFailure } from './call-failure.ts';
import {
  type AddCall,
  type DrainCall,
  type ExplainQuestion,
  type FreeCall,
  type ModelCall,
  type PinCall,
  type PullCall,
  type Question,
  type RemoveCall,
} from './calls.ts';
import { followFleet } from './follow-fleet.ts';
import {
  endedEarly,
  envelopeError,
  eventStreamOf,
  failedAnswer,
  parseJson,
  readAnswer,
} from './read-answer.ts';
import { isLoopbackUrl } from './proxy-for.ts';

const Json = z.unknown().refine((value) => value !== undefined);

const UnloadResults = z.union([
  z.looseObject({ results: z.array(AdminModelResult) }).transform(({ results }) => results),
  z.array(AdminModelResult),
  AdminModelResult.transform((result) => [result]),
]);

/** A part of a streamed answer. */
export interface ChatDelta {
  readonly text?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly finish?: string | undefined;
  readonly usage?: CompletionUsage | undefined;
}

/** The calls of the commands to a gateway. Every call throws a `CliError` that says what to do. */
export interface GatewayClient {
  readonly url: string;
  models(): Promise<readonly ListedModel[]>;
  /** The entry for a name that requests may use; undefined if there is none. */
  model(name: string): Promise<ListedModel | undefined>;
  /** Calls one of the APIs for clients. @returns the JSON of the answer */
  ask(question: Question): Promise<unknown>;
  nodes(): Promise<readonly AdminNode[]>;
  /** Health, nodes and models. */
  fleet(): Promise<AdminFleet>;
  /** The fleet now, and after every change, until the gateway ends the stream or `signal` aborts. */
  followFleet(signal: AbortSignal): AsyncGenerator<AdminFleet>;
  loadModel(call: ModelCall): Promise<AdminModelResult>;
  unloadModel(call: ModelCall): Promise<readonly AdminModelResult[]>;
  /** Starts a download, or joins the one that runs. */
  pullModel(call: PullCall): Promise<AdminPull>;
  /** The download of a model on a node. */
  pullReport(call: { readonly model: string; readonly node: string }): Promise<AdminPull>;
  /** Adds a model to models.toml. */
  addModel(call: AddCall): Promise<AdminAdded>;
  /** Removes a model from models.toml, and its files if asked for. */
  removeModel(call: RemoveCall): Promise<AdminRemoved>;
  pinModel(call: PinCall): Promise<AdminPinResults['results']>;
  /** Why a model is where it is, or what was decided about a request. */
  explain(question: ExplainQuestion): Promise<AdminExplanation>;
  drainNode(call: DrainCall): Promise<AdminDrainResult>;
  /** Drains the node and unloads its models. */
  freeNode(call: FreeCall): Promise<AdminFreeResult>;
  /** Makes a token with which one node joins the fleet. */
  joinToken(): Promise<AdminJoinToken>;
  /** Streams a chat answer; `body` is an OpenAI body without `stream`. */
  chat(body: Readonly<Record<string, unknown>>, signal: AbortSignal): AsyncGenerator<ChatDelta>;
}

type Fetch = (url: string, init?: RequestInit) => Promise<Response>;

/** The fetch options of this client; headers are a plain object. */
type PlainInit = Omit<RequestInit, 'headers'> & {
  readonly headers?: Readonly<Record<string, string>>;
  /** Bun's own option: no limit on the time without data. */
  readonly timeout?: false;
};

interface GatewayClientOptions {
  /** Called before the first call of the admin API. */
  readonly adminKeys: () => Promise<AdminKeys>;
  /** Sent on calls of the APIs for clients. Absent: none. */
  readonly apiKey?: string | undefined;
  /** Absent: the `fetch` of the runtime. */
  readonly fetch?: Fetch;
}

/** The call without unset fields, which the admin API refuses. */
function callBody({ model, node, force }: ModelCall): string {
  return JSON.stringify({ model, node, force: force === true ? true : undefined });
}

const nodePath = (node: string, call: string): string =>
  `/admin/v1/nodes/${encodeURIComponent(node)}/${call}`;

function* deltasOf(data: string): Generator<ChatDelta> {
  const json = parseJson(data);
  const failed = envelopeError(json);
  if (failed !== undefined) throw failed;
  const { choices, usage } = ChatCompletionChunk.parse(json);
  for (const { delta, finish_reason: finish } of choices) {
    yield {
      text: delta.content || undefined,
      reasoning: delta.reasoning_content || undefined,
      finish: finish ?? undefined,
    };
  }
  if (usage) yield { usage };
}

const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.name === 'TimeoutError';

/** A client of the gateway at `baseUrl` (`http://127.0.0.1:31313`). */
export function createGatewayClient(
  baseUrl: string,
  { adminKeys, apiKey, fetch = globalThis.fetch }: GatewayClientOptions,
): GatewayClient {
  const { origin, pathname, hostname } = new URL(baseUrl);
  const url = (origin + pathname).replace(/\/+$/, '').replace(/\/v1$/, '');
  if (isLoopbackUrl(url)) Object.assign(process.env, withProxyExceptions(process.env, [hostname]));
  let found: Promise<AdminKeys> | undefined;

  async function call(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url + path, { ...init, redirect: 'manual' });
    } catch (cause) {
      if (isTimeout(cause))
        throw new CliError(`the gateway at ${url} did not answer within 30 s`, { cause });
      if (init.signal?.aborted) throw cause;
      throw await callFailure(url, cause);
    }
  }

  async function send(path: string, init: PlainInit = {}): Promise<Response> {
    const response = await (path.startsWith('/admin/')
      ? callAdmin(path, init)
      : callApi(path, init));
    if (!response.ok) throw await failedAnswer(response, url);
    return response;
  }

  async function callApi(path: string, init: PlainInit): Promise<Response> {
    const authorization = apiKey === undefined ? undefined : { authorization: `Bearer ${apiKey}` };
    const response = await call(path, { ...init, headers: { ...init.headers, ...authorization } });
    if (response.status !== 401) return response;
    throw new CliError(
      apiKey === undefined
        ? `${url} requires an API key: set CORTEX_API_KEY`
        : `${url} refused the key in CORTEX_API_KEY`,
    );
  }

  /** Tries the keys that were found in turn and keeps the first that is not refused. */
  async function callAdmin(path: string, init: PlainInit): Promise<Response> {
    found ??= adminKeys();
    const { keys, tried } = await found;
    for (const key of keys) {
      const headers = { ...init.headers, authorization: `Bearer ${key}` };
      const response = await call(path, { ...init, headers });
      if (response.status !== 401) {
        found = Promise.resolve({ keys: [key], tried });
        return response;
      }
    }
    const refused = keys.length > 0 ? undefined : await call(path, init);
    if (refused !== undefined && refused.status !== 401) return refused;
    throw new CliError(
      `${url} requires its admin key, and ${keys.length === 0 ? 'none was found' : 'refused the keys that were found'}: set --key-file or CORTEX_ADMIN_KEY, or CORTEX_STATE_DIR to the state folder of that gateway.\nTried: ${tried.join('; ')}.`,
    );
  }

  async function get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const response = await send(path, { signal: AbortSignal.timeout(30_000) });
    return readAnswer(response, schema, url);
  }

  const post = (path: string, body: string, signal?: AbortSignal): Promise<Response> =>
    send(path, {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
      // An unload waits for running requests, and `fetch` would give up after 300 s without data.
      timeout: false,
      signal: signal ?? null,
    });

  return {
    url,
    models: async () => (await get('/v1/models', ModelList)).data,
    async model(name) {
      const signal = AbortSignal.timeout(30_000);
      const response = await callApi(`/v1/models/${encodeURIComponent(name)}`, { signal });
      if (response.status === 404) return undefined;
      if (!response.ok) throw await failedAnswer(response, url);
      return readAnswer(response, ListedModel, url);
    },
    async ask({ path, headers, body, isPatient = false }) {
      const response = await send(path, {
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
        headers: { ...headers, ...(body && { 'content-type': 'application/json' }) },
        ...(isPatient ? { timeout: false } : { signal: AbortSignal.timeout(30_000) }),
      });
      return readAnswer(response, Json, url);
    },
    nodes: async () => (await get('/admin/v1/nodes', AdminNodes)).nodes,
    fleet: () => get('/admin/v1/fleet', AdminFleet),
    async *followFleet(signal) {
      const response = await send('/admin/v1/events', { timeout: false, signal });
      const body = await eventStreamOf(response, url);
      try {
        yield* followFleet(body);
      } catch (cause) {
        if (cause instanceof CliError || signal.aborted) throw cause;
        throw endedEarly(url, cause);
      }
    },
    loadModel: async (call) =>
      readAnswer(await post('/admin/v1/models/load', callBody(call)), AdminModelResult, url),
    unloadModel: async (call) =>
      readAnswer(await post('/admin/v1/models/unload', callBody(call)), UnloadResults, url),
    pullModel: async ({ model, node, source, quant }) =>
      readAnswer(
        await post('/admin/v1/models/pull', JSON.stringify({ model, node, source, quant })),
        AdminPull,
        url,
      ),
    pullReport: ({ model, node }) =>
      get(`/admin/v1/models/pull?${new URLSearchParams({ model, node }).toString()}`, AdminPull),
    addModel: async (call) =>
      readAnswer(await post('/admin/v1/models/add', JSON.stringify(call)), AdminAdded, url),
    removeModel: async (call) =>
      readAnswer(await post('/admin/v1/models/remove', JSON.stringify(call)), AdminRemoved, url),
    pinModel: async (call) => {
      const answer = await post('/admin/v1/models/pin', JSON.stringify(call));
      return (await readAnswer(answer, AdminPinResults, url)).results;
    },
    explain: (question) =>
      get(`/admin/v1/explain?${new URLSearchParams({ ...question }).toString()}`, AdminExplanation),
    drainNode: async ({ node, draining }) =>
      readAnswer(
        await post(nodePath(node, 'drain'), JSON.stringify({ draining })),
        AdminDrainResult,
        url,
      ),
    freeNode: async ({ node, forS }) =>
      readAnswer(
        await post(nodePath(node, 'free'), JSON.stringify({ for_s: forS })),
        AdminFreeResult,
        url,
      ),
    joinToken: async () =>
      readAnswer(await post('/admin/v1/join-tokens', '{}'), AdminJoinToken, url),
    async *chat(body, signal) {
      const response = await post(
        '/v1/chat/completions',
        JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
        signal,
      );
      const stream = readEvents(await eventStreamOf(response, url));
      try {
        for await (const events of stream) {
          for (const { data } of events) {
            if (data === '[DONE]') return;
            yield* deltasOf(data);
          }
        }
      } catch (cause) {
        if (cause instanceof CliError || signal.aborted) throw cause;
        throw endedEarly(url, cause);
      }
      throw endedEarly(url);
    },
  };
}

/** A daemon and a hub for tests of downloads. */
import { readFileSync } from 'node:fs';

import { ErrorEnvelope, PullReport } from '@cortex/protocol';
import {
  type HubServer,
  type HubServerOptions,
  startHubServer,
} from '@cortex/testkit/hub/hub-server';

import type { PullParts } from '../src/neuron.ts';
import { CORTEX_TINY, scriptedEngine, type TestFolder, TestNeuron, until } from './test-neuron.ts';

export const TINY = new Uint8Array(readFileSync(CORTEX_TINY));
export const REPO = 'org/tiny-GGUF';

export interface PullerOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly pulls?: PullParts;
  readonly prepare?: (modelsDir: string) => void;
  readonly folder?: TestFolder;
}

/** Downloads that do not wait before they try again, and the pauses that they would have made. */
export function noPauses(parts: PullParts = {}): {
  readonly ms: number[];
  readonly pulls: PullParts;
} {
  const ms: number[] = [];
  const pause: PullParts['pause'] = async (pauseMs, signal) => {
    ms.push(pauseMs);
    signal.throwIfAborted();
  };
  return { ms, pulls: { pause, ...parts } };
}

/** A daemon that pulls from `hub`. */
export function startPuller(hub: HubServer, options: PullerOptions = {}): Promise<TestNeuron> {
  const { env, flags, pulls = noPauses().pulls, prepare, folder } = options;
  return TestNeuron.start({
    env: { HF_ENDPOINT: hub.url, ...env },
    flags: { min_free_disk_mb: 0, ...flags },
    parts: { startEngine: scriptedEngine(), pulls },
    ...(prepare && { prepare }),
    ...(folder && { folder }),
  });
}

export async function reportOf(neuron: TestNeuron, id: string): Promise<PullReport> {
  return PullReport.parse(await (await neuron.get(`/models/pull/${id}`)).json());
}

/** The pull once it has ended. */
export async function endOf(neuron: TestNeuron, id: string): Promise<PullReport> {
  await until(async () => (await reportOf(neuron, id)).status !== 'running');
  return reportOf(neuron, id);
}

export class PullFixture implements AsyncDisposable {
  readonly hub: HubServer;
  readonly neuron: TestNeuron;

  private constructor(hub: HubServer, neuron: TestNeuron) {
    this.hub = hub;
    this.neuron = neuron;
  }

  /** The hub has `REPO` with cortex-tiny as Q8_0, unless told otherwise. */
  static async start(
    options: PullerOptions & Partial<HubServerOptions> = {},
  ): Promise<PullFixture> {
    const { repositories = { [REPO]: { files: { 'tiny-Q8_0.gguf': TINY } } } } = options;
    const hub = await startHubServer({ ...options, repositories });
    return new PullFixture(hub, await startPuller(hub, options));
  }

  /** `POST /models/pull`. */
  async pull(fields: Readonly<Record<string, unknown>>): Promise<PullReport> {
    const answer = await this.neuron.post('/models/pull', fields);
    if (!answer.ok) throw new Error(ErrorEnvelope.parse(await answer.json()).error.message);
    return PullReport.parse(await answer.json());
  }

  /** Pulls, and waits for the end. */
  async pulled(fields: Readonly<Record<string, unknown>>): Promise<PullReport> {
    const { model_id: id } = await this.pull(fields);
    return endOf(this.neuron, id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.neuron[Symbol.asyncDispose]();
    await this.hub[Symbol.asyncDispose]();
  }
}

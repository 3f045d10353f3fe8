/** How the models of a shared server are found, loaded, unloaded and put to sleep, by kind. */
import { setTimeout as sleep } from 'node:timers/promises';

import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

import type { OfferedModel } from '../harness.ts';
import { KINDS, type ServerKindName } from './server-kinds.ts';
import {
  callUpstream,
  listUpstreamModels,
  messageOf,
  readServerProps,
  type Upstream,
} from './upstream.ts';

/** What a server says about one of its models. */
export interface ServedModel {
  /** The name that the server knows it by. */
  readonly name: string;
  readonly capabilities: readonly string[];
  readonly contextTokens?: number | undefined;
  readonly slots?: number | undefined;
  /** The server has routes for it. */
  readonly canSleep?: boolean | undefined;
}

/** Loading and waking take as long as reading the weights. */
const LOAD_MS = 1_800_000;
const STATUS_PAUSE_MS = 500;
/** Names shown in an error. */
const MAX_NAMES = 8;

const NEVER = new AbortController().signal;

const Asleep = z.looseObject({ is_sleeping: z.boolean() });
const ModelStatus = z.looseObject({ status: z.string() });

export class ServerModels {
  readonly #upstream: Upstream;
  readonly #kind: ServerKindName;

  constructor(upstream: Upstream, kind: ServerKindName) {
    this.#upstream = upstream;
    this.#kind = kind;
  }

  /**
   * Has the server serve the model.
   *
   * @param wanted - Absent: the only model of the server, under whatever name.
   * @throws CortexError `model_load_failed` naming the models that the server has; why it cannot be loaded
   */
  async load(wanted: string | undefined, signal: AbortSignal): Promise<ServedModel> {
    const offered = await listUpstreamModels(this.#upstream, signal);
    const name = wanted ?? offered[0]?.id ?? 'default';
    const found = offered.find(({ id }) => id === name);
    // mistral.rs serves its first model under this name and does not list it.
    const isDefault = this.#kind === 'mistralrs' && name === 'default';
    if (!found && !isDefault) throw this.#unknown(name, offered);
    if (KINDS[this.#kind].loadsModels && !isDefault) await this.#reload(name, signal);
    const canSleep = KINDS[this.#kind].sleeps && (await this.#wakeIfAsleep(signal));
    const { contextTokens } = found ?? {};
    if (this.#kind !== 'llamacpp') {
      return { name, capabilities: ['text', 'tools'], contextTokens, canSleep };
    }
    const props = await readServerProps(this.#upstream, signal);
    return {
      name,
      capabilities: [
        'text',
        'tools',
        ...(props.hasVision ? ['vision'] : []),
        ...(props.hasAudio ? ['audio_input'] : []),
      ],
      contextTokens: props.contextTokens ?? contextTokens,
      slots: props.slots,
    };
  }

  /** @throws CortexError what the server said */
  async unload(name: string): Promise<void> {
    await this.#post('/v1/models/unload', { model_id: name }, NEVER);
  }

  /** @throws CortexError what the server said */
  async sleep(): Promise<void> {
    await this.#post('/sleep?level=1', undefined, NEVER);
  }

  async wake(signal: AbortSignal = NEVER): Promise<void> {
    await this.#post('/wake_up', undefined, signal);
  }

  /** vLLM has routes for sleep if it was started as a server for development. @returns whether it has */
  async #wakeIfAsleep(signal: AbortSignal): Promise<boolean> {
    const { status, value } = await callUpstream(this.#upstream, '/is_sleeping', { signal });
    if (Asleep.safeParse(value).data?.is_sleeping === true) await this.wake(signal);
    return status < 300;
  }

  /** Loads it if it is not loaded; its `reloading` is our `loading`. */
  async #reload(name: string, signal: AbortSignal): Promise<void> {
    if ((await this.#status(name, signal)) === 'loaded') return;
    await this.#post('/v1/models/reload', { model_id: name }, signal);
    for (;;) {
      const status = await this.#status(name, signal);
      if (status === 'loaded') return;
      if (status !== 'reloading' && status !== 'loading') {
        throw new CortexError(
          'model_load_failed',
          `The server of the harness ${this.#upstream.harness} did not load ${name}: it reports ${status}.`,
          { transient: true },
        );
      }
      await sleep(STATUS_PAUSE_MS, undefined, { signal });
    }
  }

  async #status(name: string, signal: AbortSignal): Promise<string> {
    const value = await this.#post('/v1/models/status', { model_id: name }, signal);
    return ModelStatus.safeParse(value).data?.status ?? 'an unknown status';
  }

  async #post(path: string, body: unknown, signal: AbortSignal): Promise<unknown> {
    const { harness, url } = this.#upstream;
    const answer = await callUpstream(this.#upstream, path, {
      method: 'POST',
      body,
      signal,
      limitMs: LOAD_MS,
    });
    if (answer.status < 300) return answer.value;
    const route = path.replace(/\?.*/, '');
    throw new CortexError(
      'model_load_failed',
      `${url}${route} of the harness ${harness} answered with status ${answer.status}: ${messageOf(answer.value) ?? 'no reason given'}`,
      { transient: answer.status >= 500 },
    );
  }

  #unknown(name: string, offered: readonly OfferedModel[]): CortexError {
    const names = offered.slice(0, MAX_NAMES).map(({ id }) => id);
    const more = offered.length > MAX_NAMES ? ` and ${offered.length - MAX_NAMES} more` : '';
    const has = names.length === 0 ? 'no model' : `${names.join(', ')}${more}`;
    return new CortexError(
      'model_load_failed',
      `The server of the harness ${this.#upstream.harness} has no model ${name}. It has: ${has}. Set upstream_model to one of these names.`,
      { param: 'upstream_model' },
    );
  }
}

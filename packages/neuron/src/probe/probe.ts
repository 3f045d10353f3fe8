/** Answers about models that are not loaded: memory, capabilities and tokens. */
import type { Engine, EngineLoadSpec, MemoryBudget, MemoryEstimate } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import { type DeviceEnv, NO_GPU_ENV } from '../devices/device.ts';
import type { LoadEstimate } from '../harness/harness.ts';
import { type FileFacts, type FileFactsStore, type ProbedFile } from './file-facts.ts';
import type { AnswerLimit, ProbeNeed, ProbeProcess } from './probe-process.ts';
import { PLAIN_CHAT, TOOL_CHAT } from './sample-chats.ts';

const ESTIMATE_LIMIT: AnswerLimit = { ms: 60_000 };
/**
 * A template renders in milliseconds, so one that has used 5 s of CPU time is endless. Time without CPU is no evidence.
 */
const TEMPLATE_LIMIT = { ms: 120_000, workMs: 5000 } as const satisfies AnswerLimit;
type TemplateLimit = Readonly<Record<keyof typeof TEMPLATE_LIMIT, number>>;
/** How long an endless template is not rendered again. */
const ENDLESS_MS = 600_000;

export interface ProbedModel {
  readonly file: ProbedFile;
  readonly spec: EngineLoadSpec;
  /** Devices that a load would see. */
  readonly env: DeviceEnv;
}

/** Results of the sample conversations. */
interface Rendered {
  /** Why the plain one was refused; absent if it was rendered. */
  readonly refusal?: CortexError | undefined;
  readonly hasTools: boolean;
}

export interface ProbeOptions {
  /** For questions without a GPU: vocabularies, and the memory of models on the CPU. */
  readonly cpu: ProbeProcess;
  /** For questions that open a GPU, so that a hanging driver blocks no others. */
  readonly gpu: ProbeProcess;
  readonly facts: FileFactsStore;
  /** CPU time after which a template counts as endless; absent: 5,000. */
  readonly templateWorkMs?: number | undefined;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly log: Logger;
}

export class Probe {
  readonly #options: ProbeOptions;
  readonly #facts: FileFactsStore;
  readonly #log: Logger;
  readonly #templateLimit: TemplateLimit;
  readonly #inspecting = new Map<string, Promise<FileFacts>>();
  /** Fingerprints of files with an endless template, and when each verdict expires. */
  readonly #endlessUntilMs = new Map<string, number>();

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#facts = options.facts;
    this.#log = options.log;
    const { templateWorkMs = TEMPLATE_LIMIT.workMs } = options;
    this.#templateLimit = { ...TEMPLATE_LIMIT, workMs: templateWorkMs };
  }

  /** Known facts about a file. Reads memory only. */
  known(fingerprint: string): FileFacts | undefined {
    return this.#facts.known(fingerprint);
  }

  /** Stores facts from a load, which replace earlier ones. */
  async learn(file: ProbedFile, found: Pick<FileFacts, 'capabilities' | 'contextTokens'>) {
    this.#facts.learn(await this.#facts.current(file), found);
  }

  /**
   * The memory that a load needs, with `auto` resolved within `budget`; undefined if it cannot be estimated, which
   * is logged.
   *
   * An estimate without a limit depends only on file and settings and is cached. If it fits the budget, the limit
   * changes nothing and no process is asked.
   *
   * @throws CortexError `model_load_failed` naming file and cause
   */
  async estimate(model: ProbedModel, budget: MemoryBudget): Promise<LoadEstimate | undefined> {
    const facts = await this.#facts.current(model.file);
    const key = settingsKey(model);
    const unlimited = facts.estimates[key] ?? (await this.#ask(model, {}));
    if (!unlimited) return undefined;
    if (facts.estimates[key] === undefined) {
      this.#facts.learn(facts, { estimates: { [key]: unlimited } });
    }
    const estimate = isWithin(unlimited, budget) ? unlimited : await this.#ask(model, budget);
    return estimate && { ...estimate, roomyContextTokens: unlimited.contextTokens };
  }

  /** Like `estimate`, with the largest context and number of slots that `budget` allows. */
  async estimateLimits(
    model: ProbedModel,
    budget: MemoryBudget,
  ): Promise<MemoryEstimate | undefined> {
    return this.#ask(model, budget);
  }

  /**
   * Inspects a file before it is loaded: reads its vocabulary and renders sample conversations.
   *
   * A template that refuses them does not fail the load; requests that it refuses get an error.
   *
   * @throws CortexError `model_load_failed` for a file that cannot be read, and for a template that does not end
   */
  async inspect(model: ProbedModel): Promise<FileFacts> {
    const { fingerprint } = model.file;
    const running = this.#inspecting.get(fingerprint) ?? this.#inspect(model);
    this.#inspecting.set(fingerprint, running);
    try {
      return await running;
    } finally {
      this.#inspecting.delete(fingerprint);
    }
  }

  /**
   * Asks the tokenizer and the template of a model that is not loaded.
   *
   * @throws CortexError the error of the engine; `template_render_failed` for an endless template
   */
  async askTokenizer<T>(model: ProbedModel, work: (engine: Engine) => Promise<T>): Promise<T> {
    await this.inspect(model);
    const outcome = await this.#options.cpu.ask(vocabularyOf(model), this.#templateLimit, work);
    const { modelId } = model.spec;
    switch (outcome.kind) {
      case 'answered':
        return outcome.value;
      case 'endless':
        throw new CortexError(
          'template_render_failed',
          `The chat template of ${modelId} ran for ${this.#templateLimit.workMs / 1000} s with these messages and was stopped.`,
          { param: 'messages' },
        );
      case 'late':
        throw new CortexError(
          'node_recovering',
          `This node is too busy: the tokenizer of ${modelId} did not answer within ${this.#templateLimit.ms / 1000} s. Try again.`,
        );
      case 'ended':
        break;
    }
    throw new CortexError(
      'node_recovering',
      `The process that reads the tokenizer of ${modelId} ended (${outcome.cause}). Try again.`,
    );
  }

  async close(): Promise<void> {
    await Promise.all([this.#options.cpu.close(), this.#options.gpu.close()]);
  }

  async #ask(
    { spec, env }: ProbedModel,
    budget: MemoryBudget,
  ): Promise<MemoryEstimate | undefined> {
    const { cpu, gpu } = this.#options;
    const opensGpu = spec.backend !== 'cpu';
    const process = opensGpu ? gpu : cpu;
    const outcome = await process.ask({ env, opensGpu }, ESTIMATE_LIMIT, (engine) =>
      engine.estimate(spec, budget),
    );
    if (outcome.kind === 'answered') return outcome.value;
    this.#log.warn({ model: spec.modelId, outcome }, 'the memory of a load could not be estimated');
    return undefined;
  }

  async #inspect(model: ProbedModel): Promise<FileFacts> {
    const { path, fingerprint } = model.file;
    const { cpu, nowMs } = this.#options;
    const facts = await this.#facts.current(model.file);
    if (facts.template === 'ends') return facts;
    if (nowMs() < (this.#endlessUntilMs.get(fingerprint) ?? -Infinity))
      throw endless(path, this.#templateLimit);
    this.#endlessUntilMs.delete(fingerprint);
    const outcome = await cpu.ask(vocabularyOf(model), this.#templateLimit, renderSamples);
    if (outcome.kind === 'endless') {
      this.#endlessUntilMs.set(fingerprint, nowMs() + ENDLESS_MS);
      throw endless(path, this.#templateLimit);
    }
    if (outcome.kind === 'late') {
      throw new CortexError(
        'model_load_failed',
        `Cannot load ${path}: this node is too busy to test the chat template within ${this.#templateLimit.ms / 1000} s. Try again.`,
        { transient: true },
      );
    }
    if (outcome.kind === 'ended') {
      throw new CortexError(
        'model_load_failed',
        `Cannot load ${path}: the engine ended while it rendered the chat template: ${outcome.cause}`,
        { transient: true },
      );
    }
    const { refusal, hasTools } = outcome.value;
    if (refusal) {
      this.#log.warn(
        { model: model.spec.modelId, reason: refusal.message },
        'the chat template refuses a plain conversation',
      );
    }
    // A model without a template may be made for completions or for vectors; only a load shows which.
    const words = refusal ? [] : ['text', ...(hasTools ? ['tools'] : [])];
    this.#facts.learn(facts, {
      template: 'ends',
      ...(facts.capabilities === undefined && words.length > 0 && { capabilities: words }),
    });
    return this.#facts.current(model.file);
  }
}

const endless = (path: string, { workMs }: TemplateLimit): CortexError =>
  new CortexError(
    'model_load_failed',
    `Cannot load ${path}: the chat template (tokenizer.chat_template) does not end. It ran for ${workMs / 1000} s on a sample conversation.`,
  );

/** Vocabularies are read on the CPU, without opening a GPU. */
const vocabularyOf = ({ spec, file }: ProbedModel): ProbeNeed => ({
  env: NO_GPU_ENV,
  opensGpu: false,
  vocabulary: { spec, fingerprint: file.fingerprint },
});

const isWithin = ({ vramMib, ramMib }: MemoryEstimate, budget: MemoryBudget): boolean =>
  vramMib <= (budget.vramMib ?? Infinity) && ramMib <= (budget.ramMib ?? Infinity);

/** The settings that an estimate depends on. */
const settingsKey = ({ spec, env }: ProbedModel): string =>
  JSON.stringify([
    spec.backend,
    spec.contextLength,
    spec.slots,
    spec.gpuLayers,
    spec.kvType,
    spec.prefillChunkTokens,
    spec.isBatchInvariant,
    env,
    spec.lora,
    spec.draft ?? null,
  ]);

async function renderSamples(engine: Engine): Promise<Rendered> {
  const refusal = await refusalOf(engine.applyTemplate(PLAIN_CHAT));
  const toolRefusal = await refusalOf(engine.applyTemplate(TOOL_CHAT));
  return { refusal, hasTools: toolRefusal === undefined };
}

/** The error of an answer; rethrown if the engine is gone. */
async function refusalOf(answer: Promise<string>): Promise<CortexError | undefined> {
  try {
    await answer;
    return undefined;
  } catch (error) {
    const isRefusal =
      error instanceof CortexError && error.status < 500 && error.code !== 'model_not_loaded';
    if (isRefusal) return error;
    throw error;
  }
}

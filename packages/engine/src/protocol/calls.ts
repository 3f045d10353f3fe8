import { JsonObjectShape, withoutUndefined } from '@cortex/protocol';
import { z } from 'zod';

import type { Engine } from '../engine/engine.ts';
import type { EngineLoadSpec } from '../engine/load.ts';
import type { EngineDevice, MemoryBudget, MemoryEstimate } from '../engine/memory.ts';
import type { Embeddings, EmbedRequest, RerankRequest, RerankScores } from '../engine/vectors.ts';
import { formatLoadSpec, readLoadSpec } from './load-spec.ts';
import { packVector, unpackVector } from './packed-vector.ts';

/** A call that one `result` answers: how each side writes and reads it. */
export interface CallCodec<Input, Output> {
  readonly kind: string;
  /** Members of the request beside `kind` and `id`. */
  formatInput(input: Input): object;
  /**
   * Engine side: reads the request, runs it, and gives the members of `result` beside `kind` and `id`. @throws
   * ZodError
   */
  readonly run: (engine: Engine, message: unknown, signal: AbortSignal) => Promise<object>;
  /** @throws ZodError when it is not this call's `result`. */
  readOutput(message: unknown): Output;
}

const Tokens = z.array(z.int());
const TextMessage = z.looseObject({
  text: z.string(),
  add_special: z.boolean().default(true),
  parse_special: z.boolean().default(false),
});
const TokensMessage = z.looseObject({ tokens: Tokens });
const BodyMessage = z.looseObject({ body: JsonObjectShape });
const EmbedMessage = z.looseObject({
  inputs: z.array(z.union([z.string(), Tokens])),
  dimensions: z.int().min(1).optional(),
  principal: z.string().optional(),
});
const EmbedResult = z.looseObject({ vectors: z.array(z.unknown()), prompt_tokens: z.int() });
const RerankMessage = z.looseObject({
  query: z.string(),
  documents: z.array(z.string()),
  principal: z.string().optional(),
});
const RerankResult = z.looseObject({ scores: z.array(z.number()), prompt_tokens: z.int() });
const EstimateMessage = z.looseObject({
  budget: z
    .looseObject({ vram_mib: z.number().optional(), ram_mib: z.number().optional() })
    .default({}),
});
const EstimateResult = z.looseObject({
  vram_mib: z.number(),
  ram_mib: z.number(),
  kv_mib_per_1k_tokens: z.number(),
  context_tokens: z.int(),
  slots: z.int(),
  gpu_layers: z.int(),
  layers: z.int(),
  fits: z.boolean(),
  context_max: z.int(),
  slots_max: z.int(),
});
const DevicesResult = z.looseObject({
  devices: z.array(
    z.looseObject({
      name: z.string(),
      backend: z.enum(['cpu', 'cuda', 'vulkan', 'metal']),
      total_mib: z.number().optional(),
      free_mib: z.number().optional(),
      shares_ram: z.boolean().optional(),
    }),
  ),
});

export const EMBED: CallCodec<EmbedRequest, Embeddings> = {
  kind: 'embed',
  formatInput: ({ inputs, dimensions, principal }) => ({ inputs, dimensions, principal }),
  run: async (engine, message, signal) => {
    const { inputs, dimensions, principal } = EmbedMessage.parse(message);
    const request = withoutUndefined({ inputs, dimensions, principal });
    const answer = await engine.embed(request, signal);
    return { vectors: answer.vectors.map(packVector), prompt_tokens: answer.promptTokens };
  },
  readOutput: (message) => {
    const wire = EmbedResult.parse(message);
    return { vectors: wire.vectors.map(unpackVector), promptTokens: wire.prompt_tokens };
  },
};

export const RERANK: CallCodec<RerankRequest, RerankScores> = {
  kind: 'rerank',
  formatInput: ({ query, documents, principal }) => ({ query, documents, principal }),
  run: async (engine, message, signal) => {
    const { query, documents, principal } = RerankMessage.parse(message);
    const request = withoutUndefined({ query, documents, principal });
    const answer = await engine.rerank(request, signal);
    return { scores: answer.scores, prompt_tokens: answer.promptTokens };
  },
  readOutput: (message) => {
    const wire = RerankResult.parse(message);
    return { scores: wire.scores, promptTokens: wire.prompt_tokens };
  },
};

export interface TokenizeInput {
  readonly text: string;
  readonly addSpecial: boolean;
  readonly parseSpecial: boolean;
}

export const TOKENIZE: CallCodec<TokenizeInput, readonly number[]> = {
  kind: 'tokenize',
  formatInput: (input) => ({
    text: input.text,
    add_special: input.addSpecial,
    parse_special: input.parseSpecial,
  }),
  run: async (engine, message) => {
    const { text, add_special, parse_special } = TextMessage.parse(message);
    const options = { addSpecial: add_special, parseSpecial: parse_special };
    return { tokens: await engine.tokenize(text, options) };
  },
  readOutput: (message) => TokensMessage.parse(message).tokens,
};

export const DETOKENIZE: CallCodec<readonly number[], string> = {
  kind: 'detokenize',
  formatInput: (tokens) => ({ tokens }),
  run: async (engine, message) => ({
    text: await engine.detokenize(TokensMessage.parse(message).tokens),
  }),
  readOutput: (message) => z.looseObject({ text: z.string() }).parse(message).text,
};

export const TOKEN_BYTES: CallCodec<readonly number[], readonly (readonly number[])[]> = {
  kind: 'token_bytes',
  formatInput: (tokens) => ({ tokens }),
  run: async (engine, message) => ({
    bytes: await engine.tokenBytes(TokensMessage.parse(message).tokens),
  }),
  readOutput: (message) => z.looseObject({ bytes: z.array(Tokens) }).parse(message).bytes,
};

export const TOKENIZE_CHAT: CallCodec<Readonly<Record<string, unknown>>, readonly number[]> = {
  kind: 'tokenize_chat',
  formatInput: (body) => ({ body }),
  run: async (engine, message) => ({
    tokens: await engine.tokenizeChat(BodyMessage.parse(message).body),
  }),
  readOutput: (message) => TokensMessage.parse(message).tokens,
};

export const TEMPLATE: CallCodec<Readonly<Record<string, unknown>>, string> = {
  kind: 'template',
  formatInput: (body) => ({ body }),
  run: async (engine, message) => ({
    prompt: await engine.applyTemplate(BodyMessage.parse(message).body),
  }),
  readOutput: (message) => z.looseObject({ prompt: z.string() }).parse(message).prompt,
};

export const COUNT: CallCodec<Readonly<Record<string, unknown>>, number> = {
  kind: 'count',
  formatInput: (body) => ({ body }),
  run: async (engine, message) => ({
    prompt_tokens: await engine.count(BodyMessage.parse(message).body),
  }),
  readOutput: (message) => z.looseObject({ prompt_tokens: z.int() }).parse(message).prompt_tokens,
};

export interface EstimateInput {
  readonly spec: EngineLoadSpec;
  readonly budget: MemoryBudget;
}

export const ESTIMATE: CallCodec<EstimateInput, MemoryEstimate> = {
  kind: 'estimate',
  formatInput: ({ spec, budget }) => ({
    ...formatLoadSpec(spec),
    budget: { vram_mib: budget.vramMib, ram_mib: budget.ramMib },
  }),
  run: async (engine, message) => {
    const { budget } = EstimateMessage.parse(message);
    const estimate = await engine.estimate(
      readLoadSpec(message),
      withoutUndefined({ vramMib: budget.vram_mib, ramMib: budget.ram_mib }),
    );
    return {
      vram_mib: estimate.vramMib,
      ram_mib: estimate.ramMib,
      kv_mib_per_1k_tokens: estimate.kvMibPer1kTokens,
      context_tokens: estimate.contextTokens,
      slots: estimate.slots,
      gpu_layers: estimate.gpuLayers,
      layers: estimate.layers,
      fits: estimate.fits,
      context_max: estimate.contextMax,
      slots_max: estimate.slotsMax,
    };
  },
  readOutput: (message) => {
    const wire = EstimateResult.parse(message);
    return {
      vramMib: wire.vram_mib,
      ramMib: wire.ram_mib,
      kvMibPer1kTokens: wire.kv_mib_per_1k_tokens,
      contextTokens: wire.context_tokens,
      slots: wire.slots,
      gpuLayers: wire.gpu_layers,
      layers: wire.layers,
      fits: wire.fits,
      contextMax: wire.context_max,
      slotsMax: wire.slots_max,
    };
  },
};

export const DEVICES: CallCodec<undefined, readonly EngineDevice[]> = {
  kind: 'devices',
  formatInput: () => ({}),
  run: async (engine) => ({
    devices: (await engine.devices()).map((device) => ({
      name: device.name,
      backend: device.backend,
      total_mib: device.totalMib,
      free_mib: device.freeMib,
      shares_ram: device.sharesRam,
    })),
  }),
  readOutput: (message) =>
    DevicesResult.parse(message).devices.map((device) =>
      withoutUndefined({
        name: device.name,
        backend: device.backend,
        totalMib: device.total_mib,
        freeMib: device.free_mib,
        sharesRam: device.shares_ram,
      }),
    ),
};

/** What the engine side runs for each call, by the kind of its message. */
export const CALL_RUNNERS: ReadonlyMap<string, CallCodec<never, unknown>['run']> = new Map(
  [
    EMBED,
    RERANK,
    TOKENIZE,
    TOKENIZE_CHAT,
    DETOKENIZE,
    TOKEN_BYTES,
    TEMPLATE,
    COUNT,
    ESTIMATE,
    DEVICES,
  ].map((codec) => [codec.kind, codec.run]),
);

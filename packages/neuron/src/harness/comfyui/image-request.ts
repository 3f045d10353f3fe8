/** The body of `/v1/images/generations`, as a workflow can follow it. */
import { CortexError, isJsonObject } from '@cortex/protocol';
import { z } from 'zod';

import { parseBody } from '../../json-body.ts';
import type { Placeholder, Workflow } from './workflow.ts';

const SIZE = /^([1-9]\d{1,4})x([1-9]\d{1,4})$/;
const MAX_IMAGES = 10;

const ImageBody = z.looseObject({
  prompt: z.string().min(1, 'must not be empty'),
  negative_prompt: z.string().nullish(),
  n: z.int().min(1).max(MAX_IMAGES).nullish(),
  size: z
    .string()
    .regex(SIZE, 'must be written as width x height in pixels, such as 1024x1024')
    .or(z.literal('auto'))
    .nullish(),
  steps: z.int().min(1).max(1000).nullish(),
  seed: z.int().min(0).nullish(),
  response_format: z.enum(['b64_json', 'url']).nullish(),
});

/** Fields of OpenAI's API that no workflow can follow, with the values that ask for nothing. */
const UNSUPPORTED: Readonly<Record<string, readonly unknown[]>> = {
  stream: [false],
  partial_images: [0],
  quality: ['auto', 'standard'],
  style: [],
  background: ['auto'],
  output_format: ['png'],
  output_compression: [100],
};

export interface ImageRequest {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly seed: number;
  readonly count: number;
  readonly format: 'b64_json' | 'url';
}

/** Values where neither the request nor the operator gives any. */
const DEFAULTS = { size: '1024x1024', steps: 20 } as const;

/** Members of a body, and the placeholder that each needs. */
const NEEDED: Readonly<Record<string, Placeholder>> = {
  negative_prompt: 'negative_prompt',
  size: 'width',
  steps: 'steps',
  seed: 'seed',
};

const isAsked = (value: unknown): boolean =>
  value !== undefined && value !== null && value !== 'auto';

/**
 * Reads a request.
 *
 * @param defaults - `params` of the load call, for fields that the body does not have.
 * @throws CortexError `invalid_request` naming a wrong member, `unsupported_parameter` for one that the workflow has no
 * placeholder for
 */
export function readImageRequest(
  body: Readonly<Record<string, unknown>>,
  {
    workflow,
    defaults,
  }: { readonly workflow: Workflow; readonly defaults: Readonly<Record<string, unknown>> },
): ImageRequest {
  for (const [param, neutral] of Object.entries(UNSUPPORTED)) {
    const value = body[param];
    if (value === undefined || value === null || neutral.includes(value)) continue;
    throw new CortexError('unsupported_parameter', `ComfyUI does not support ${param}.`, { param });
  }
  for (const [param, placeholder] of Object.entries(NEEDED)) {
    if (!isAsked(body[param]) || workflow.placeholders.has(placeholder)) continue;
    throw new CortexError(
      'unsupported_parameter',
      `The workflow of this model has no \${${placeholder}}, so it cannot follow ${param}.`,
      { param },
    );
  }
  const given = Object.entries(body).filter(([, value]) => isAsked(value));
  const image = parseBody({ ...DEFAULTS, ...defaults, ...Object.fromEntries(given) }, ImageBody);
  const [, width, height] = SIZE.exec(image.size ?? '') ?? SIZE.exec(DEFAULTS.size) ?? [];
  return {
    prompt: image.prompt,
    negativePrompt: image.negative_prompt ?? '',
    width: Number(width),
    height: Number(height),
    steps: image.steps ?? DEFAULTS.steps,
    seed: image.seed ?? randomSeed(),
    count: image.n ?? 1,
    format: image.response_format ?? 'b64_json',
  };
}

/** Below the largest integer of JSON. */
const randomSeed = (): number => Math.floor(Math.random() * 2 ** 48);

/** The text of a failed answer of ComfyUI: what is wrong with the workflow, node by node. */
export function readPromptError(value: unknown): string {
  if (!isJsonObject(value)) return 'no reason given';
  const { error, node_errors: nodes } = value;
  const main = isJsonObject(error) && typeof error['message'] === 'string' ? error['message'] : '';
  const details = Object.entries(isJsonObject(nodes) ? nodes : {}).flatMap(([id, node]) => {
    const errors = isJsonObject(node) && Array.isArray(node['errors']) ? node['errors'] : [];
    return errors.map((entry: unknown) => {
      const text = isJsonObject(entry) ? [entry['message'], entry['details']] : [];
      return `node ${id}: ${text.filter((part) => typeof part === 'string').join(' ')}`;
    });
  });
  return [main, ...details].filter((text) => text !== '').join('; ') || 'no reason given';
}

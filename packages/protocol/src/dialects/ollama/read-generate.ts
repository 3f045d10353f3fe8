import { z } from 'zod';

import { CortexError } from '../../errors.ts';
import { readModelField } from '../../model-field.ts';
import { readShape } from '../../read-shape.ts';
import { headOf } from '../neutral/affinity-texts.ts';
import type { Part, Turn } from '../neutral/conversation.ts';
import { nodeBody } from '../neutral/node-body.ts';
import { readImage } from './images.ts';
import { COMMON_FIELDS, type OllamaRequest, readFormat, withoutPrompt } from './ollama-request.ts';
import { toNodeOptions } from './options.ts';
import { toOllamaChat } from './read-chat.ts';

const GenerateShape = z.looseObject({
  ...COMMON_FIELDS,
  prompt: z.string().nullish(),
  suffix: z.string().nullish(),
  system: z.string().nullish(),
  images: z.array(z.string()).nullish(),
  raw: z.boolean().nullish(),
});
type Generate = z.infer<typeof GenerateShape>;

/** The node's routes for text without a template write 16 tokens unless they are asked for more. */
const NO_LIMIT = -1;

/**
 * A body of `POST /api/generate`: a chat of one turn, or with `raw` or `suffix` text that the model continues or fills in.
 *
 * @throws CortexError `invalid_request` naming the wrong field, `unsupported_parameter` for what text without a
 * template cannot have
 */
export function readOllamaGenerate(body: unknown): OllamaRequest {
  const generate = readShape(GenerateShape, body);
  const { prompt, suffix, images, raw } = generate;
  if (!prompt && !suffix && !images?.length) return withoutPrompt(generate);
  return raw === true || suffix
    ? toCompletion(generate)
    : toOllamaChat(toConversation(generate), generate);
}

function toConversation({ prompt, system, images }: Generate) {
  const parts: Part[] = (images ?? []).map((image, at) => readImage(image, `images[${at}]`));
  const asked: Part[] = prompt || parts.length === 0 ? [{ type: 'text', text: prompt ?? '' }] : [];
  const preface: Turn[] = system
    ? [{ role: 'system', parts: [{ type: 'text', text: system }] }]
    : [];
  const turns: Turn[] = [...preface, { role: 'user', parts: [...parts, ...asked] }];
  return { turns, tools: [] };
}

function toCompletion(generate: Generate): OllamaRequest {
  const { prompt, suffix, system, images } = generate;
  const mode = suffix ? '"suffix"' : '"raw"';
  if (images?.length) throw needsTemplate('images', mode);
  if (readFormat(generate.format) !== undefined) throw needsTemplate('format', mode);
  // With a suffix, editors send a system prompt that no model for this has a place for.
  if (system && !suffix) throw needsTemplate('system', mode);
  const stream = generate.stream ?? true;
  const { maxTokens, temperature, topP, topK, stop, others } = toNodeOptions(generate.options);
  return {
    kind: 'answer',
    model: readModelField(generate.model),
    stream,
    route: 'completions',
    body: nodeBody((model) => ({
      model,
      prompt: prompt ?? '',
      suffix: suffix || undefined,
      max_tokens: maxTokens ?? NO_LIMIT,
      temperature,
      top_p: topP,
      top_k: topK,
      stop: stop.length === 0 ? undefined : stop,
      ...others,
      stream: stream ? true : undefined,
      stream_options: stream ? { include_usage: true } : undefined,
    })),
    affinityTexts: () => (prompt ? [headOf([prompt])] : undefined),
  };
}

const needsTemplate = (param: string, mode: string): CortexError =>
  new CortexError(
    'unsupported_parameter',
    `"${param}" needs the template of the model, which ${mode} switches off: leave out one of them.`,
    { param },
  );

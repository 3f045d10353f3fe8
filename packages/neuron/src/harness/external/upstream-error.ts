import { CortexError } from '@cortex/protocol';

import { refuse } from '../../refusal.ts';
import { messageOf, refusedKey } from './upstream.ts';

/** What an external server answered instead of serving. */
interface FailedAnswer {
  readonly harness: string;
  readonly modelId: string;
  readonly status: number;
  /** The body as JSON; undefined if it is not. */
  readonly value: unknown;
  /** Seconds. */
  readonly retryAfterS: number | undefined;
  /** Tokens per slot of the model; undefined if unknown. */
  readonly contextTokens: number | undefined;
}

/** How servers word that a prompt does not fit. */
const TOO_LONG =
  /context (?:size|length|window)|maximum context|exceeds? the (?:available )?context|too many tokens|max_model_len/i;

/** How servers word that the model has no such ability. */
const NO_ABILITY =
  /does(?: not|n't) support|not supported|no such (?:route|endpoint)|unsupported (?:task|route)/i;

/** How servers word that the model cannot read the images of a request. */
const NO_VISION =
  /image input is not supported|not (?:a )?multimodal|mmproj|does not support images?/i;

/** Clients recognise an overlong prompt by "maximum context length is N tokens". */
function tooLong(message: string, contextTokens: number | undefined): CortexError {
  const isWorded = contextTokens === undefined || /maximum context length is \d+/.test(message);
  const text = isWorded
    ? message
    : `This model's maximum context length is ${contextTokens} tokens. ${message}`;
  return new CortexError('context_length_exceeded', text);
}

/**
 * The product's error for an error status of an external server. Its own words are kept: they say what is wrong with
 * the request.
 */
export function toCortexError(failed: FailedAnswer): CortexError {
  const { harness, modelId, status, value, retryAfterS } = failed;
  const said = messageOf(value);
  const message = said ?? `The server of ${modelId} answered with status ${status}.`;
  if (status === 401 || status === 403) return refusedKey({ harness }, status);
  if (NO_VISION.test(message)) return new CortexError('vision_unsupported', message);
  if (status === 404 || status === 405 || status === 501) {
    return new CortexError(
      'wrong_modality',
      said ?? `${modelId} cannot do this: its server (${harness}) has no such route.`,
      { param: 'model' },
    );
  }
  if (status === 413) return new CortexError('request_too_large', message);
  if (status === 415) return new CortexError('unsupported_media_type', message);
  if (status === 429) return refuse(new CortexError('queue_full', message, { retryAfterS }));
  if (status === 503) return refuse(new CortexError('node_recovering', message, { retryAfterS }));
  if (status >= 400 && status < 500) {
    if (TOO_LONG.test(message)) return tooLong(message, failed.contextTokens);
    if (NO_ABILITY.test(message)) return new CortexError('wrong_modality', message);
    return new CortexError('invalid_request', message);
  }
  return new CortexError(
    'node_protocol_error',
    `The server of ${modelId} failed: ${said ?? `status ${status}`}`,
  );
}

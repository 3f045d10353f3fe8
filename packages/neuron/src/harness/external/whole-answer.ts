/** Relays an answer of an external server that is not an event stream. */
import {
  CortexError,
  isJsonObject,
  NEURON_HEADERS,
  readJsonViewInSlices,
  spliceModel,
} from '@cortex/protocol';
import { streamResponse } from '@cortex/service';

import type { UpstreamServing } from './upstream-target.ts';
import { readUsage } from './upstream-usage.ts';
import type { UpstreamWork } from './upstream-work.ts';

const MODEL = ['model'] as const;
/** Answers with images are parsed for nothing: they have no usage that neuron reads. */
const MAX_PARSED_BYTES = 4 << 20;

const decoder = new TextDecoder();

const isJson = (contentType: string | null): boolean =>
  contentType?.startsWith('application/json') ?? false;

/**
 * The answer for the client. JSON names the model as the client does and carries its usage; other content, such as
 * speech, passes as it comes.
 *
 * @throws CortexError why there is no answer
 */
export async function wholeAnswer(
  answer: Response | { readonly thrown: unknown },
  work: UpstreamWork,
  serving: UpstreamServing,
): Promise<Response> {
  try {
    if (!(answer instanceof Response)) throw answer.thrown;
    const contentType = answer.headers.get('content-type');
    const headers = { 'content-type': contentType ?? 'application/octet-stream' };
    if (!isJson(contentType)) return streamResponse(relayBytes(answer, work, serving), headers);
    const bytes = await answer.bytes();
    serving.request.started();
    const usage = usageOf(bytes, work);
    const named = await withModel(bytes, serving);
    work.end('done');
    return new Response(named, { headers: { ...headers, ...usage } });
  } catch (thrown) {
    const error = work.toError(thrown);
    work.fail();
    throw error;
  }
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw new CortexError('node_protocol_error', 'The server of the model sent invalid JSON.', {
      cause: error,
    });
  }
}

function usageOf(bytes: Uint8Array, work: UpstreamWork): Record<string, string> {
  if (bytes.length > MAX_PARSED_BYTES) return {};
  const body = parse(bytes);
  const tokens = isJsonObject(body) ? readUsage(body['usage']) : undefined;
  const usage = work.times.toUsage(tokens, 0);
  return {
    ...(tokens && { [NEURON_HEADERS.promptTokens]: String(tokens.prompt) }),
    [NEURON_HEADERS.usage]: JSON.stringify(usage),
  };
}

async function withModel(
  bytes: Uint8Array<ArrayBuffer>,
  { target }: UpstreamServing,
): Promise<Uint8Array<ArrayBuffer>> {
  const { modelId, upstreamModel } = target;
  if (modelId === upstreamModel) return bytes;
  const { modelRange } = await readJsonViewInSlices(bytes, MODEL);
  return modelRange ? spliceModel(bytes, modelRange, modelId) : bytes;
}

async function* relayBytes(
  { body }: Response,
  work: UpstreamWork,
  { request }: UpstreamServing,
): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of body ?? []) {
      request.started();
      yield chunk;
    }
    work.end('done');
  } catch (error) {
    work.fail();
    throw error;
  } finally {
    work.abort();
    request.answered?.();
  }
}

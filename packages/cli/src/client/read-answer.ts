import { ErrorEnvelope } from '@cortex/protocol';
import { z } from 'zod';

import { CliError } from '../cli-error.ts';
import { proxyFor } from './proxy-for.ts';

/** A JSON value; undefined for a text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports the answer as that of another program.
    return undefined;
  }
}

const AnthropicEnvelope = z.looseObject({
  type: z.literal('error'),
  error: z.looseObject({ type: z.string(), message: z.string() }),
});

/** The error in an envelope of OpenAI or Anthropic as one line; undefined if `json` is not an envelope. */
export function envelopeError(json: unknown, hint = ''): CliError | undefined {
  const envelope = ErrorEnvelope.or(AnthropicEnvelope).safeParse(json);
  if (!envelope.success) return undefined;
  const { message, code, type } = { code: null, ...envelope.data.error };
  return new CliError(`${message}${hint} [${code ?? type}]`);
}

/** The error for an answer that was cut off. */
export const endedEarly = (base: string, cause?: unknown): CliError =>
  new CliError(`the gateway at ${base} ended the answer early`, { cause });

async function textOf(response: Response, base: string): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw endedEarly(base, cause);
  }
}

/** What kind of answer it is, for a message: `502 Bad Gateway, a web page titled "nginx"`. */
function describeAnswer({ status, statusText, headers }: Response, text: string): string {
  const line = `${status} ${statusText}`.trim();
  const [, title] = /<title[^>]*>\s*([^<]*?)\s*</i.exec(text) ?? [];
  if (title) return `${line}, a web page titled "${title.replaceAll(/\s+/g, ' ').slice(0, 80)}"`;
  const type = headers.get('content-type')?.split(';')[0];
  return type ? `${line}, ${type}` : line;
}

/** The error for an answer of some other program, such as a proxy or another web server. */
function foreignAnswer(response: Response, text: string, base: string): CliError {
  const proxy = proxyFor(base);
  const advice =
    proxy === undefined
      ? 'check that --url or CORTEX_URL is the URL of a gateway'
      : `the call went through the proxy of ${proxy.variable}: add ${new URL(base).hostname} to NO_PROXY to call the gateway directly`;
  return new CliError(
    `${base} did not answer like a cortex gateway (${describeAnswer(response, text)}); ${advice}`,
  );
}

/** The error for an answer with a status other than 2xx. Redirects are not followed: they would take the admin key along. */
export async function failedAnswer(response: Response, base: string): Promise<CliError> {
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400 && location !== null) {
    const target = URL.parse(location, base)?.origin ?? location;
    return new CliError(
      `${base} redirects to ${target}; set --url or CORTEX_URL to the URL of the gateway itself`,
    );
  }
  const text = await textOf(response, base);
  const retryAfter = response.headers.get('retry-after');
  const hint = retryAfter === null ? '' : ` (try again in ${retryAfter} s)`;
  return envelopeError(parseJson(text), hint) ?? foreignAnswer(response, text, base);
}

/** The body of a 2xx answer with events. @throws CliError if it is not a stream of events */
export async function eventStreamOf(
  response: Response,
  base: string,
): Promise<ReadableStream<Uint8Array>> {
  const { body, headers } = response;
  if (body === null || headers.get('content-type')?.startsWith('text/event-stream') !== true)
    throw foreignAnswer(response, await textOf(response, base), base);
  return body;
}

/** The JSON of a 2xx answer in its `schema`. @throws CliError if it is not what a gateway answers */
export async function readAnswer<T>(
  response: Response,
  schema: z.ZodType<T>,
  base: string,
): Promise<T> {
  const text = await textOf(response, base);
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw foreignAnswer(response, text, base);
}

import {
  ErrorEnvelope,
  JoinAnswer,
  type JoinRequest,
  SealedBody,
  withProxyExceptions,
} from '@cortex/protocol';
import { ConfigError, type JoinToken, seal, unseal } from '@cortex/service';

const TIMEOUT_MS = 30_000;

const failure = (message: string, cause?: unknown): ConfigError =>
  new ConfigError(message, {}, cause);

/** Why a call got no answer. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `no answer within ${TIMEOUT_MS / 1000} s`;
  // The runtime reports a host without a route like one that refuses.
  const isRefused = 'code' in error && error.code === 'ECONNREFUSED';
  return isRefused ? 'the host refused the connection or cannot be reached' : error.message;
}

/** A value of JSON; undefined for a text that is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports the answer as that of another program.
    return undefined;
  }
}

async function send(url: string, body: unknown): Promise<Response> {
  // Through a proxy, the gateway would see the address of the proxy as that of this node.
  Object.assign(process.env, withProxyExceptions(process.env, [new URL(url).hostname]));
  try {
    return await fetch(`${url}/admin/v1/join`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      // Both bodies are sealed with the secret of the token, so a certificate would prove nothing more.
      tls: { rejectUnauthorized: false },
    });
  } catch (error) {
    throw failure(
      `no gateway answers at ${url}: ${reasonOf(error)}; check the URL, and that gateway.listen of that gateway is not a loopback address`,
      error,
    );
  }
}

/**
 * Asks a gateway to add this node.
 *
 * @param url - Base URL of the gateway, without a slash at its end.
 * @throws ConfigError saying what to do when there is no gateway, or when it refuses
 */
export async function callGateway(
  url: string,
  token: JoinToken,
  request: JoinRequest,
): Promise<JoinAnswer> {
  const response = await send(url, { id: token.id, ...seal(token, 'request', request) });
  const json = parseJson(await response.text());
  if (response.ok) {
    const sealed = SealedBody.safeParse(json);
    const answer = sealed.success ? unseal(token, 'answer', sealed.data) : undefined;
    const parsed = JoinAnswer.safeParse(answer);
    if (parsed.success) return parsed.data;
  }
  const envelope = ErrorEnvelope.safeParse(json);
  if (envelope.success) throw failure(`${url} refuses: ${envelope.data.error.message}`);
  throw failure(
    `${url} did not answer like the gateway that made this token (status ${response.status}): check the URL`,
  );
}

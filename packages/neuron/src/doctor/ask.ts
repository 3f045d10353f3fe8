import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const LIMIT_MS = 5000;

/** The status and the headers of an answer. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * Sends a GET. Unlike `fetch`, it uses no proxy, and it accepts every certificate: nothing secret is sent, and the
 * answer is only reported.
 *
 * @throws Error when there is no answer within 5 s
 */
export function ask(url: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const send = url.startsWith('https:') ? httpsRequest : httpRequest;
  const request = send(url, { rejectUnauthorized: false, agent: false }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (text) => (body += String(text)));
    response.on('error', reject);
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
    });
  });
  const timer = setTimeout(() => {
    request.destroy(new Error(`no answer within ${LIMIT_MS / 1000} s`));
  }, LIMIT_MS);
  request.on('error', reject);
  request.end();
  return promise.finally(() => clearTimeout(timer));
}

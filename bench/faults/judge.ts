/** What a client makes of an answer: complete, a clear error, or neither, which is a fault of the product. */
import {
  ChatCompletion,
  ChatCompletionChunk,
  Completion,
  CortexError,
  ErrorEnvelope,
  isErrorCode,
} from '@cortex/protocol';
import { z } from 'zod';

export type Route = 'chat' | 'completions';

/** An answer as it arrived. */
export interface Answer {
  readonly route: Route;
  readonly isStream: boolean;
  readonly status: number;
  readonly hasRetryAfter: boolean;
  readonly text: string;
}

export type Verdict =
  | { readonly kind: 'answered' }
  | { readonly kind: 'error'; readonly code: string }
  | { readonly kind: 'invalid'; readonly why: string };

/** Codes that no fault of a node explains, and those that are not for clients at all. */
const WRONG_CODES: ReadonlySet<string> = new Set([
  'internal_error',
  'model_not_loaded',
  'client_closed_request',
]);

const DONE = 'data: [DONE]\n\n';

const EventError = z.looseObject({ error: z.looseObject({ status: z.int() }) });

const invalid = (why: string): Verdict => ({ kind: 'invalid', why });

function judgeError(json: unknown, status: number): Verdict {
  const { code } = ErrorEnvelope.parse(json).error;
  if (code === null || !isErrorCode(code) || WRONG_CODES.has(code))
    return invalid(`the error code ${code} must not reach a client`);
  const expected = new CortexError(code, '', { transient: status === 503 }).status;
  return status === expected
    ? { kind: 'error', code }
    : invalid(`${code} with status ${status} instead of ${expected}`);
}

/** `finish_reason` of the only choice, and the tokens that the usage counts. */
interface End {
  readonly finish: string | undefined;
  readonly tokens: number | undefined;
}

const judgeEnd = ({ finish, tokens }: End): Verdict => {
  if (finish === undefined) return invalid('no finish_reason');
  return tokens === undefined ? invalid('no usage') : { kind: 'answered' };
};

function endOf(route: Route, json: unknown, isChunk: boolean): End {
  const shape =
    route === 'completions' ? Completion : isChunk ? ChatCompletionChunk : ChatCompletion;
  const { choices, usage } = shape.parse(json);
  return {
    finish: choices[0]?.finish_reason ?? undefined,
    tokens: usage?.completion_tokens,
  };
}

function judgeStream({ route, text }: Answer): Verdict {
  if (!text.endsWith(DONE)) return invalid('the stream ends without [DONE]');
  const events = text
    .slice(0, -DONE.length)
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line): unknown => JSON.parse(line.slice('data: '.length)));
  let end: End = { finish: undefined, tokens: undefined };
  for (const [index, event] of events.entries()) {
    const failed = EventError.safeParse(event);
    if (failed.success) {
      if (index < events.length - 1) return invalid('the stream goes on after an error');
      if (end.finish !== undefined) return invalid('an error after finish_reason');
      return judgeError(event, failed.data.error.status);
    }
    const { finish, tokens } = endOf(route, event, true);
    end = { finish: finish ?? end.finish, tokens: tokens ?? end.tokens };
  }
  return judgeEnd(end);
}

function judgeParsed(answer: Answer): Verdict {
  const { route, isStream, status, hasRetryAfter, text } = answer;
  if (status === 200) {
    return isStream ? judgeStream(answer) : judgeEnd(endOf(route, JSON.parse(text), false));
  }
  const verdict = judgeError(JSON.parse(text), status);
  return status === 503 && !hasRetryAfter ? invalid('503 without Retry-After') : verdict;
}

/** Judges an answer that has arrived to its end. */
export function judge(answer: Answer): Verdict {
  try {
    return judgeParsed(answer);
  } catch (error) {
    return invalid(`${String(error)} in ${answer.status} ${answer.text.slice(-500)}`);
  }
}

import { WholeEvents } from '../../../sse/whole-events.ts';
import type { AnswerFacts } from '../../dialect.ts';
import type { ResponsesRequest } from '../responses.ts';

export const FACTS: AnswerFacts = {
  requestId: 'req_test',
  model: 'asked',
  createdS: 1_700_000_000,
};

/** The answer of a request to the bytes of a node, which arrive in these chunks. */
export function streamText(request: ResponsesRequest, chunks: readonly Uint8Array[]): string {
  const stream = request.stream(FACTS);
  const whole = new WholeEvents();
  let text = stream.opening();
  for (const chunk of chunks) {
    const events = whole.push(chunk);
    if (events !== undefined) text += String(stream.push(events));
  }
  return text + stream.end(true);
}

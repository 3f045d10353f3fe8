/** OpenAI's API as nodes speak it: bytes pass unchanged. */
import { insertModel, spliceModel } from '../../json/json-view.ts';
import { insertFormField, isMultipart, spliceFormField } from '../../multipart.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { readFormView, readRequestViewInSlices } from '../../request-view.ts';
import { SSE_DONE, SSE_KEEP_ALIVE } from '../../sse/comments.ts';
import { formatEvent } from '../../sse/format-event.ts';
import type { AnswerFacts, AnswerStream, ClientBody, Dialect } from '../dialect.ts';

/** Reasoning text in a chunk of a chat, which is of no node. */
const noteChunk = ({ requestId, model, createdS: created }: AnswerFacts, text: string): string =>
  formatEvent({
    id: `chatcmpl-${requestId}`,
    object: 'chat.completion.chunk',
    created,
    model,
    choices: [{ index: 0, delta: { reasoning_content: text }, finish_reason: null }],
  });

const stream = (facts: AnswerFacts): AnswerStream => ({
  opening: () => '',
  keepAlive: () => SSE_KEEP_ALIVE,
  note: (text) => noteChunk(facts, text),
  push: (nodeEvents) => nodeEvents,
  end: (isDone) => (isDone ? '' : SSE_DONE),
  fail: (error, nodeError) =>
    nodeError === undefined
      ? renderErrorEvent(error, 'openai', facts.requestId)
      : formatEvent({ error: nodeError }) + SSE_DONE,
});

/** The client's bytes, with `model` replaced if the node uses another name, or added if it is missing. */
async function readJson(bytes: Uint8Array<ArrayBuffer>, headers: Headers): Promise<ClientBody> {
  const view = await readRequestViewInSlices(bytes, headers);
  return {
    view,
    named(model) {
      if (view.model === model) return bytes;
      const range = view.json.modelRange;
      return range === undefined ? insertModel(bytes, model) : spliceModel(bytes, range, model);
    },
    stream,
  };
}

function readForm(bytes: Uint8Array<ArrayBuffer>, headers: Headers): ClientBody {
  const { modelField, ...view } = readFormView(bytes, headers);
  const contentType = headers.get('content-type');
  return {
    view,
    named(model) {
      if (view.model === model) return bytes;
      if (modelField) return spliceFormField(bytes, modelField, model);
      return insertFormField(bytes, contentType, { name: 'model', value: model });
    },
    stream,
  };
}

export const OPENAI: Dialect = {
  name: 'openai',
  streamType: 'text/event-stream; charset=utf-8',
  read: readJson,
};

/** As `OPENAI`, for routes whose body may be a form with files. */
export const OPENAI_WITH_FORMS: Dialect = {
  ...OPENAI,
  read: async (bytes, headers) =>
    isMultipart(headers.get('content-type')) ? readForm(bytes, headers) : readJson(bytes, headers),
};

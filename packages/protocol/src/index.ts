export * from './admin.ts';
export * from './client-session.ts';
export * from './dialects/anthropic/anthropic.ts';
export type * from './dialects/dialect.ts';
export {
  renderOllamaError,
  renderOllamaErrorLine,
  toOllamaRefusal,
} from './dialects/ollama/errors.ts';
export * from './dialects/ollama/model-lists.ts';
export { resolveOllamaName } from './dialects/ollama/model-name.ts';
export type { OllamaAnswerOptions } from './dialects/ollama/node-answer.ts';
export type { NodeRoute, OllamaRequest } from './dialects/ollama/ollama-request.ts';
export { readOllamaChat } from './dialects/ollama/read-chat.ts';
export * from './dialects/ollama/read-embed.ts';
export { readOllamaGenerate } from './dialects/ollama/read-generate.ts';
export { OLLAMA_STREAM_TYPE, OllamaStream } from './dialects/ollama/stream.ts';
export * from './dialects/ollama/whole-answer.ts';
export type { OllamaForm } from './dialects/ollama/write-answer.ts';
export * from './dialects/openai/pass-through.ts';
export { readResponsesRequest, type ResponsesRequest } from './dialects/responses/responses.ts';
export * from './edit-distance.ts';
export * from './errors.ts';
export * from './json/json-object.ts';
export {
  insertModel,
  type JsonScalar,
  type JsonView,
  readJsonView,
  readJsonViewInSlices,
  rewriteBody,
  spliceModel,
} from './json/json-view.ts';
export * from './join.ts';
export * from './key-case.ts';
export * from './listed-model.ts';
export * from './model-settings.ts';
export * from './model-states.ts';
export * from './header-text.ts';
export * from './multipart.ts';
export * from './neuron.ts';
export * from './node-events.ts';
export * from './openai.ts';
export * from './proxy-exceptions.ts';
export * from './pulls.ts';
export * from './read-shape.ts';
export * from './render-error.ts';
export * from './request-view.ts';
export * from './sse/comments.ts';
export * from './sse/event-reader.ts';
export * from './sse/read-events.ts';
export * from './sse/whole-events.ts';
export * from './vectors.ts';
export * from './without-undefined.ts';

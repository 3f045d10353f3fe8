export * from './admin.ts';
export * from './admin-fleet.ts';
export * from './admin-requests.ts';
export { IMAGE_NOTE, noteImages } from './chat-images.ts';
export * from './client-session.ts';
export * from './dialects/anthropic/anthropic.ts';
export type * from './dialects/dialect.ts';
export { DIALECT_FIELDS } from './dialects/dialect-fields.ts';
export type { DialectFieldRule, DialectRoute } from './dialects/neutral/dialect-field.ts';
export { familyOf } from './dialects/ollama/model-facts.ts';
export {
  readOllamaShow,
  toOllamaPs,
  toOllamaShow,
  toOllamaTags,
  toOllamaVersion,
} from './dialects/ollama/model-lists.ts';
export { otherSpelling } from './dialects/ollama/model-name.ts';
export * from './dialects/ollama/ollama.ts';
export * from './dialects/openai/pass-through.ts';
export { parseBody } from './dialects/neutral/read-json.ts';
export { RESPONSES } from './dialects/responses/responses.ts';
export * from './edit-distance.ts';
export * from './errors.ts';
export * from './field-rule.ts';
export { type Interest, memberInterest, type ScanListener } from './json/interest.ts';
export * from './json/json-object.ts';
export { JsonScanner } from './json/json-scanner.ts';
export {
  type ByteEdit,
  type ByteRange,
  editedParts,
  type JsonView,
  membersEdit,
  readJsonViewInSlices,
  rewriteBody,
  SLICE_BYTES,
  spliceModel,
  yieldToEventLoop,
} from './json/json-view.ts';
export * from './join.ts';
export * from './key-case.ts';
export * from './listed-model.ts';
export { MAX_MODEL_CHARS } from './model-field.ts';
export * from './model-settings.ts';
export * from './model-states.ts';
export * from './header-text.ts';
export { isMultipart, readFormFields, spliceFormField } from './multipart.ts';
export * from './neuron.ts';
export * from './node-error.ts';
export * from './node-events.ts';
export * from './openai.ts';
export * from './proxy-exceptions.ts';
export * from './pulls.ts';
export { readShape } from './read-shape.ts';
export * from './render-error.ts';
export * from './sse/comments.ts';
export * from './sse/numbered-events.ts';
export * from './sse/read-events.ts';
export * from './sse/whole-events.ts';
export * from './vectors.ts';
export * from './without-undefined.ts';

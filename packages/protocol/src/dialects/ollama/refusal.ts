import type { JsonObject } from '../../json/json-object.ts';

/** What a model lacks, by the field that asked for it. Clients look for `does not support tools` and ask again without. */
const LACKS: ReadonlyMap<unknown, string> = new Map([
  ['tools', 'tools'],
  ['suffix', 'insert'],
  ['think', 'thinking'],
  ['reasoning_effort', 'thinking'],
]);

function inOllamaWords({
  code,
  message,
  param,
}: {
  readonly code: unknown;
  readonly message: string;
  readonly param: unknown;
}): string {
  if (code === 'vision_unsupported') return naming('vision', message);
  const lack = LACKS.get(param);
  return code === 'unsupported_parameter' && lack !== undefined ? naming(lack, message) : message;
}

const naming = (lack: string, message: string): string =>
  message.includes(`does not support ${lack}`)
    ? message
    : `This model does not support ${lack}. ${message}`;

const OPENAI_MEMBERS = new Set(['message', 'type', 'code', 'param', 'object']);

/** `loading`, `device`, `status` and whatever else an error has beside OpenAI's members. */
const extraIn = (error: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(error).filter(([name]) => !OPENAI_MEMBERS.has(name)));

/**
 * The error object of a node, or one of OpenAI's API, as a body or the last line of a stream: clients show `error`, which
 * is text. The other members are for people and scripts.
 */
export function toOllamaRefusal(error: JsonObject): JsonObject {
  const { message, code, param } = error;
  const text = typeof message === 'string' ? message : 'The node gave no reason.';
  return {
    error: inOllamaWords({ code, message: text, param }),
    code: code ?? undefined,
    param: param ?? undefined,
    ...extraIn(error),
  };
}

import { CortexError, isJsonObject } from '@cortex/protocol';
import type { GenerateRequest } from '@cortex/engine';

/** The fields of a request body that the scripted engine reads. */
export interface ScriptedBody {
  readonly prompt: string;
  readonly promptTokens: number;
  readonly maxTokens: number | undefined;
  readonly stops: readonly string[];
  readonly temperature: number;
  readonly seed: number | undefined;
  readonly ignoresEos: boolean;
  readonly thinks: boolean;
  /** The tool that the last user turn names, if it is offered. */
  readonly tool: string | undefined;
}

type Body = Readonly<Record<string, unknown>>;

const invalid = (param: string, message: string) =>
  new CortexError('invalid_request', `${param}: ${message}`, { param });

const unsupported = (param: string) =>
  new CortexError('unsupported_parameter', `${param} is not supported by this model.`, { param });

/** @throws CortexError `invalid_request` or `unsupported_parameter` naming the field. */
export function readBody({ route, body }: GenerateRequest): ScriptedBody {
  refuseUnsupported(body);
  const { text, lastTurn } = route === 'chat' ? readMessages(body) : readPrompt(body);
  const maxTokens =
    readNumber(body, 'max_completion_tokens', { min: 1 }) ??
    readNumber(body, 'max_tokens', { min: 1 });
  readNumber(body, 'top_p', { min: 0, max: 1 });
  const kwargs = body['chat_template_kwargs'];
  return {
    prompt: text,
    promptTokens: countTokens(text),
    maxTokens,
    stops: readStops(body['stop']),
    temperature: readNumber(body, 'temperature', { min: 0, max: 2 }) ?? 1,
    seed: readNumber(body, 'seed', {}),
    ignoresEos: body['ignore_eos'] === true,
    thinks: isJsonObject(kwargs) && kwargs['enable_thinking'] === true,
    tool: toolNames(body['tools']).find((name) => lastTurn.includes(name)),
  };
}

/** Tokens of the scripted engine, which are words. */
function countTokens(text: string): number {
  return text.split(/\s+/).filter((word) => word !== '').length;
}

function refuseUnsupported(body: Body): void {
  if (typeof body['n'] === 'number' && body['n'] > 1) throw unsupported('n');
  if (body['logprobs'] === true) throw unsupported('logprobs');
  if (typeof body['suffix'] === 'string' && body['suffix'] !== '') throw unsupported('suffix');
  const format = body['response_format'];
  if (isJsonObject(format) && format['type'] !== 'text') throw unsupported('response_format');
}

function readMessages(body: Body): { text: string; lastTurn: string } {
  const messages = body['messages'];
  if (!Array.isArray(messages) || messages.length === 0) {
    throw invalid('messages', 'expected a list of messages');
  }
  const turns = messages.map((message: unknown, index) => {
    if (!isJsonObject(message)) throw invalid(`messages[${index}]`, 'expected an object');
    const { role, content } = message;
    if (typeof role !== 'string') throw invalid(`messages[${index}].role`, 'expected a string');
    if (typeof content !== 'string') {
      throw invalid(`messages[${index}].content`, 'expected a string');
    }
    return { role, content };
  });
  return {
    text: turns.map(({ role, content }) => `<${role}> ${content}`).join('\n'),
    lastTurn: turns.at(-1)?.content ?? '',
  };
}

function readPrompt(body: Body): { text: string; lastTurn: string } {
  const { prompt } = body;
  if (typeof prompt !== 'string') throw invalid('prompt', 'expected a string');
  return { text: prompt, lastTurn: prompt };
}

function readNumber(
  body: Body,
  name: string,
  { min = -Infinity, max = Infinity }: { min?: number; max?: number },
): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw invalid(name, 'expected a number');
  if (value < min || value > max) throw invalid(name, `expected a number from ${min} to ${max}`);
  return value;
}

function readStops(stop: unknown): readonly string[] {
  if (stop === undefined || stop === null) return [];
  const stops: readonly unknown[] = Array.isArray(stop) ? stop : [stop];
  return stops.map((text) => {
    if (typeof text !== 'string') throw invalid('stop', 'expected a string or a list of strings');
    return text;
  });
}

function toolNames(tools: unknown): readonly string[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: unknown) => {
    const declared = isJsonObject(tool) ? tool['function'] : undefined;
    const name = isJsonObject(declared) ? declared['name'] : undefined;
    return typeof name === 'string' ? [name] : [];
  });
}

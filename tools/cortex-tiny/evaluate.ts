/**
 * Asks the questions of eval.jsonl through a running gateway at temperature 0 and prints how many are answered right.
 * bun tools/cortex-tiny/evaluate.ts --url http://127.0.0.1:31313 [--model cortex-tiny] [--parallel 4] [--json]
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual, parseArgs } from 'node:util';

interface ToolCall {
  id: string;
  type: 'function';
  function: { name: string; arguments: string };
}
interface Message {
  role: string;
  content: string | null;
  reasoning_content?: string;
  tool_calls?: ToolCall[];
  tool_call_id?: string;
}
/** A reply must match every pattern of `must`. "blind" facts are never looked at while the training data is improved. */
interface Common {
  system?: string;
  thinking?: boolean;
  tools?: unknown[];
}
interface ExpectedCall {
  ask: string;
  name: string;
  arguments: Record<string, unknown>;
}
type Row = Common &
  (
    | { kind: 'fact' | 'blind'; id: string; ask: string[]; must: string[] }
    | ({ kind: 'call' } & ExpectedCall)
    | ({ kind: 'result'; result: string; must: string[] } & ExpectedCall)
    | { kind: 'no_call'; ask: string; must: string[] }
    | { kind: 'off_topic'; ask: string }
    | { kind: 'dialogue'; turns: [string, string[]][] }
  );
/** One question with what came back; `wrong` is absent when the answer is right. */
interface Outcome {
  kind: Row['kind'];
  ask: string;
  got: string;
  wrong?: string;
}

const { values: flags } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:31313' },
    model: { type: 'string', default: 'cortex-tiny' },
    parallel: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});

async function ask(row: Common, messages: Message[]): Promise<Message> {
  const response = await fetch(`${flags.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: flags.model,
      messages,
      tools: row.tools,
      temperature: 0,
      max_tokens: 300,
      chat_template_kwargs: { enable_thinking: row.thinking ?? false },
    }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const body = (await response.json()) as { choices: { message: Message }[] };
  const message = body.choices[0]?.message;
  if (message === undefined) throw new Error('an answer without a choice');
  return message;
}

const opening = (row: Common): Message[] => (row.system === undefined ? [] : [{ role: 'system', content: row.system }]);

function describe(message: Message): string {
  const calls = message.tool_calls?.map((call) => `${call.function.name}(${call.function.arguments})`) ?? [];
  const thought = message.reasoning_content ? `[${message.reasoning_content}] ` : '';
  return thought + [message.content ?? '', ...calls].join(' ').trim();
}

function faultOfText(row: Common, message: Message, must: string[]): string | undefined {
  if (message.tool_calls !== undefined && message.tool_calls.length > 0) return 'called a tool';
  if (row.thinking === true && !message.reasoning_content) return 'did not think';
  const missing = must.find((pattern) => !new RegExp(pattern, 'i').test(message.content ?? ''));
  return missing === undefined ? undefined : `lacks ${missing}`;
}

function faultOfCall(row: Common & ExpectedCall, message: Message): string | undefined {
  const [call, ...others] = message.tool_calls ?? [];
  if (call === undefined) return 'no tool call';
  if (others.length > 0) return 'more than one call';
  if (row.thinking === true && !message.reasoning_content) return 'did not think';
  if (call.function.name !== row.name) return `wanted ${row.name}`;
  const wanted = JSON.stringify(row.arguments);
  return isDeepStrictEqual(JSON.parse(call.function.arguments), row.arguments) ? undefined : `wanted ${wanted}`;
}

function outcome(kind: Row['kind'], question: string, message: Message, wrong: string | undefined): Outcome {
  return { kind, ask: question, got: describe(message), ...(wrong === undefined ? {} : { wrong }) };
}

async function askDialogue(row: Row & { kind: 'dialogue' }): Promise<Outcome[]> {
  const messages = opening(row);
  const outcomes: Outcome[] = [];
  for (const [question, must] of row.turns) {
    messages.push({ role: 'user', content: question });
    const message = await ask(row, messages);
    messages.push(message);
    outcomes.push(outcome(row.kind, question, message, faultOfText(row, message, must)));
  }
  return outcomes;
}

async function askForResult(row: Row & { kind: 'result' }): Promise<Outcome> {
  const call: ToolCall = {
    id: 'call_1',
    type: 'function',
    function: { name: row.name, arguments: JSON.stringify(row.arguments) },
  };
  const message = await ask(row, [
    ...opening(row),
    { role: 'user', content: row.ask },
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: call.id, content: row.result },
  ]);
  return outcome(row.kind, row.ask, message, faultOfText(row, message, row.must));
}

async function evaluate(row: Row): Promise<Outcome[]> {
  if (row.kind === 'dialogue') return askDialogue(row);
  if (row.kind === 'result') return [await askForResult(row)];
  const outcomes: Outcome[] = [];
  for (const question of [row.ask].flat()) {
    const message = await ask(row, [...opening(row), { role: 'user', content: question }]);
    const must = row.kind === 'off_topic' ? ['tiny demonstration model'] : row.kind === 'call' ? [] : row.must;
    const wrong = row.kind === 'call' ? faultOfCall(row, message) : faultOfText(row, message, must);
    outcomes.push(outcome(row.kind, question, message, wrong));
  }
  return outcomes;
}

const rows = readFileSync(new URL('eval.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row);
const outcomes: Outcome[] = [];
const queue = rows.values();
async function work(): Promise<void> {
  for (const row of queue) outcomes.push(...(await evaluate(row)));
}
await Promise.all(Array.from({ length: Number(flags.parallel) }, work));

const kinds = [...new Set(rows.map((row) => row.kind))];
const table = kinds.map((kind) => {
  const asked = outcomes.filter((one) => one.kind === kind);
  return { kind, right: asked.filter((one) => one.wrong === undefined).length, asked: asked.length };
});
if (flags.json) {
  console.log(JSON.stringify({ table, outcomes }));
} else {
  for (const { kind, ask: question, got, wrong } of outcomes) {
    if (wrong !== undefined) console.log(`${kind}: ${question}\n  ${wrong}; got: ${got}`);
  }
  for (const { kind, right, asked } of table) {
    console.log(`${kind.padEnd(10)} ${right}/${asked}  ${((100 * right) / asked).toFixed(1)} %`);
  }
}

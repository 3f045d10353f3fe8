import { z } from 'zod';

import { type Paint } from '../output/terminal.ts';
import { visibleLine, visibleText } from '../output/visible-text.ts';

/** A log line of a daemon: pino's fields, or the record of a request. */
const LogRecord = z.looseObject({
  level: z.string().optional(),
  time: z.string().optional(),
  msg: z.string().optional(),
  model: z.string().optional(),
  node: z.string().optional(),
  reason: z.unknown().optional(),
  cause: z.unknown().optional(),
  err: z.looseObject({ message: z.string().optional() }).optional(),
});

type LogRecord = z.infer<typeof LogRecord>;

const RequestRecord = z.looseObject({
  request_id: z.string(),
  api: z.string(),
  outcome: z.string(),
  status: z.number(),
  model_asked: z.string().nullish(),
  model: z.string().nullish(),
  node: z.string().nullish(),
  code: z.string().nullish(),
  message: z.string().nullish(),
  completion_tokens: z.number().nullish(),
  first_token_ms: z.number().nullish(),
  total_ms: z.number(),
  tok_s: z.number().nullish(),
  cold_start: z.boolean().nullish(),
});
type RequestRecord = z.infer<typeof RequestRecord>;

/** In the record of a request without a resolved model (contracts, section 5). */
const UNKNOWN_MODEL = 'unknown';

const LOUD = new Set(['warn', 'error', 'fatal']);

function parseObject(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    // A line that is not JSON is shown unchanged.
    return undefined;
  }
}

const seconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;

function clockTime(now: Date): string {
  return now.toTimeString().slice(0, 8);
}

/** The model that answered, else the name that was asked for; `-` for a request without a model. */
function modelOf({ model, model_asked: asked }: RequestRecord): string {
  return (model === UNKNOWN_MODEL ? undefined : model) ?? asked ?? '-';
}

function formatRequest(record: RequestRecord, now: Date, paint: Paint): string {
  const isOk = record.outcome === 'ok';
  const parts = [
    paint('dim', clockTime(now)),
    record.api.padEnd(11),
    visibleLine(modelOf(record)),
    isOk
      ? paint('green', String(record.status))
      : paint(
          record.status >= 500 ? 'red' : 'yellow',
          `${record.status} ${visibleLine(record.code ?? record.outcome)}`,
        ),
  ];
  if (record.completion_tokens) parts.push(`${record.completion_tokens} tokens`);
  if (record.first_token_ms) parts.push(`first after ${seconds(record.first_token_ms)}`);
  parts.push(`in ${seconds(record.total_ms)}`);
  if (record.cold_start === true) parts.push('cold start');
  if (!isOk && record.message) parts.push(visibleLine(record.message));
  parts.push(paint('dim', record.request_id));
  return parts.join('  ');
}

/** The reason in a record; undefined if it has none. */
function whyOf({ reason, cause, err }: LogRecord): string | undefined {
  return [reason, cause, err?.message].find((text) => typeof text === 'string');
}

/** Node and model, message, and reason. */
function formatRecord(record: LogRecord): string {
  const about = [record.node, record.model].filter(Boolean).join(', ');
  return visibleText([about, record.msg, whyOf(record)].filter(Boolean).join(': '));
}

/** A daemon's log line as text for the terminal; undefined for lines that are not shown. */
export function formatLogLine(
  line: string,
  { name, paint, now = new Date() }: { name: string; paint: Paint; now?: Date },
): string | undefined {
  if (line.trim() === '') return undefined;
  const json = parseObject(line);
  const request = RequestRecord.safeParse(json);
  if (request.success) return formatRequest(request.data, now, paint);
  const record = LogRecord.safeParse(json);
  if (!record.success) return `${paint('dim', clockTime(now))}  ${name}: ${visibleText(line)}`;
  const { level = 'info' } = record.data;
  if (!LOUD.has(level)) return undefined;
  const text = formatRecord(record.data);
  return `${paint('dim', clockTime(now))}  ${paint(level === 'warn' ? 'yellow' : 'red', level)}  ${name}: ${text}`;
}

/** Lines of the report that Bun prints for an uncaught error: source, stack, version. */
const CRASH_REPORT = /^(?:\s*\d+ \|.*|\s*\^\s*|\s+at .*|Bun v\d.*|\s+\w+: .*,?|\s*[{}\]]\s*)$/;

/** The cause of a daemon's end in one of its lines: an error record, or plain text; undefined for other lines. */
export function causeOf(line: string): string | undefined {
  if (line.trim() === '' || CRASH_REPORT.test(line)) return undefined;
  const record = LogRecord.safeParse(parseObject(line));
  if (!record.success) return line.trim().replace(/^error: /, '');
  const { level = 'info', msg } = record.data;
  if (level !== 'error' && level !== 'fatal') return undefined;
  return whyOf(record.data) ?? msg;
}

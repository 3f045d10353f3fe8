/** `GET /admin/v1/requests`: the last requests that have ended. */
import { z } from 'zod';

/** The query. */
export const AdminRequestsQuery = z.strictObject({
  /** At most so many, the newest first. */
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  /** Resolved id. */
  model: z.string().min(1).optional(),
  node: z.string().min(1).optional(),
  outcome: z.string().min(1).optional(),
});

/** One request, as in the record of the log. Times and tokens are those of the whole request. */
export const AdminRequest = z.looseObject({
  /** When it ended, ISO 8601. */
  ts: z.string(),
  request_id: z.string(),
  api: z.string(),
  principal: z.string(),
  /** Absent: the body named none. */
  model_asked: z.string().optional(),
  /** `unknown` if no model has the name. */
  model: z.string(),
  /** `none` if it reached no node. */
  node: z.string(),
  stream: z.boolean(),
  outcome: z.string(),
  status: z.int(),
  code: z.string().optional(),
  attempts: z.int(),
  cold_start: z.boolean(),
  /** Wait for a slot, in ms. */
  queue_ms: z.number(),
  /** Wait for a load, in ms; absent: it waited for none. */
  load_ms: z.number().optional(),
  /** Time to the first content, in ms; absent: none was streamed. */
  first_token_ms: z.number().optional(),
  total_ms: z.number(),
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  /** What was decided about it, if it waited or was refused. */
  explain: z.string().optional(),
});
export type AdminRequest = z.infer<typeof AdminRequest>;

/** Newest first. */
export const AdminRequests = z.looseObject({ requests: z.array(AdminRequest) });

import { expect, test } from 'bun:test';

import { RecentRequests } from './recent-requests.ts';
import { type RequestRecord } from './request-record.ts';

const record = (id: number): RequestRecord => ({
  level: 'info',
  time: '',
  msg: 'request',
  ts: '',
  request_id: String(id),
  api: 'chat',
  principal: 'p',
  model_asked: 'm',
  model: 'm',
  node: 'a',
  stream: false,
  outcome: 'ok',
  status: 200,
  code: undefined,
  attempts: 1,
  cold_start: false,
  queue_ms: 0,
  load_ms: undefined,
  first_token_ms: undefined,
  total_ms: 1,
  prompt_tokens: 1,
  completion_tokens: 1,
  cached_tokens: 0,
  reasoning_tokens: 0,
  total_tokens: 2,
  tok_s: undefined,
  estimated: false,
  affinity: 'none',
  explain: undefined,
});

test('the last 1000 requests are remembered, newest first', () => {
  const requests = new RecentRequests();
  for (let id = 0; id < 1500; id += 1) requests.add(record(id));

  const ids = requests.list({ limit: 5000 }).map(({ request_id: id }) => Number(id));

  expect(ids).toEqual(Array.from({ length: 1000 }, (_, age) => 1499 - age));
});

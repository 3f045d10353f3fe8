import { streamResponse } from '@cortex/service';

import type { ApiContext, ApiDeps } from './context.ts';

/** `GET /events`: the state of models and devices, then their changes, as server-sent events. */
export function events({ events: feed }: ApiDeps) {
  return (context: ApiContext): Response => {
    const connection = context.get('connection');
    connection.liftIdleLimit();
    const body = feed.read(context.req.raw.signal, () => connection.drop());
    return streamResponse(body);
  };
}

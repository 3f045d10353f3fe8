import type { ApiContext, ApiDeps } from './context.ts';

/** `GET /events`: the state of models and devices, then their changes, as server-sent events. */
export function events({ events: feed }: ApiDeps) {
  return (context: ApiContext): Response => {
    const connection = context.get('connection');
    connection.liftIdleLimit();
    const body = feed.read(context.req.raw.signal, () => connection.drop());
    // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
    return new Response(body, {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'x-accel-buffering': 'no',
      },
    });
  };
}

import type { MiddlewareHandler } from 'hono';

import { type Environment } from './environment.ts';

/** A day: browsers ask again after two hours at the latest. */
const MAX_AGE_S = 86_400;

/** Opens routes to the pages of `origins`, an exact list (contracts, section 1). */
export function allowOrigins(origins: readonly string[]): MiddlewareHandler<Environment> {
  const allowed = new Set(origins);
  return async (context, next) => {
    const origin = context.req.header('origin');
    if (origin === undefined || !allowed.has(origin)) return next();
    if (context.req.method === 'OPTIONS') {
      return new Response(null, {
        status: 204,
        headers: {
          'access-control-allow-origin': origin,
          'access-control-allow-methods': 'GET, POST, HEAD',
          'access-control-allow-headers':
            context.req.header('access-control-request-headers') ?? 'authorization, content-type',
          'access-control-max-age': String(MAX_AGE_S),
          vary: 'origin',
        },
      });
    }
    await next();
    context.res.headers.set('access-control-allow-origin', origin);
    context.res.headers.set('access-control-expose-headers', 'x-request-id, retry-after');
    context.res.headers.append('vary', 'origin');
    return undefined;
  };
}

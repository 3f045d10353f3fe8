import { JoinCall } from '@cortex/protocol';
import { readBody } from '@cortex/service';
import { type Hono } from 'hono';

import { type Environment } from '../api/environment.ts';
import { type AdminCallDeps, guarded, parseCall } from './admin-call.ts';
import { type Joining } from './joining.ts';

/** A call says a name, a host, a token and a pin: less than 2 KiB. */
const MAX_BODY_BYTES = 16 << 10;

interface JoinDeps extends AdminCallDeps {
  readonly joining: Joining;
  /** The address of the client, also behind a trusted proxy. */
  readonly clientAddress: (headers: Headers, peer: string) => string;
}

/** `POST /admin/v1/join-tokens`, and `POST /admin/v1/join`, for which the join token stands in for the admin key. */
export function addJoinRoutes(app: Hono<Environment>, deps: JoinDeps): void {
  const { joining, clientAddress } = deps;
  app.post(
    '/admin/v1/join-tokens',
    guarded(deps, () => joining.issueToken()),
  );
  app.post(
    '/admin/v1/join',
    guarded({ ...deps, checkAccess: () => undefined }, async (request, _connection, { peer }) => {
      const { headers, signal } = request;
      const bytes = await readBody(request, { maxBytes: MAX_BODY_BYTES, signal });
      return joining.join(parseCall(bytes, JoinCall), clientAddress(headers, peer));
    }),
  );
}

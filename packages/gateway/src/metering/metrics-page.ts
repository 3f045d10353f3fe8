import { type FleetSnapshot } from '@cortex/fleet';
import { metricsResponse, type ProcessMetrics, routePath } from '@cortex/service';

import { type FleetActivity, type FleetMetrics } from './fleet-metrics.ts';
import { type RequestMetrics } from './request-metrics.ts';

export interface MetricsPageDeps {
  readonly requests: RequestMetrics;
  readonly fleet: FleetMetrics;
  readonly process: ProcessMetrics;
  readonly snapshot: () => FleetSnapshot;
  readonly activity: FleetActivity;
}

/** `GET /metrics`, on a separate listener. */
export function createMetricsPage(deps: MetricsPageDeps): (request: Request) => Response {
  return (request) => {
    if (routePath(request) !== '/metrics')
      return new Response('Metrics are at /metrics.\n', { status: 404 });
    const snapshot = deps.snapshot();
    deps.fleet.update(snapshot, deps.activity);
    deps.requests.keep(snapshot);
    deps.process.update();
    return metricsResponse([
      ...deps.requests.families,
      ...deps.fleet.families,
      ...deps.process.families,
    ]);
  };
}

/** Which files a pull downloads, by the kind of its source. */
import { HubClient } from './hub/hub-client.ts';
import type { HubSettings } from './hub/hub-settings.ts';
import { planHubPull } from './hub/plan-hub-pull.ts';
import { planWebPull } from './plan-web-pull.ts';
import type { PullPlan } from './pull/planned-file.ts';
import type { PullRequest } from './pull/pull.ts';
import { ANY_HOST, callerHosts } from './web/host-rules.ts';
import { WebClient } from './web/web-client.ts';

/** The servers that files are pulled from. */
export interface RemoteAccess {
  readonly hub: HubClient;
  readonly web: WebClient;
  readonly modelsDir: string;
  /** The Hugging Face cache to which files of the hub are written. */
  readonly cacheDir: string;
}

/** Access by the operator's settings. */
export function createRemoteAccess(options: {
  readonly hub: HubSettings;
  readonly modelsDir: string;
  /** Hosts of `https:` sources; empty: every public host. */
  readonly httpsHosts: readonly string[];
  /** PEM certificates that are trusted for `https:` sources besides those of the system. */
  readonly ca?: string | undefined;
}): RemoteAccess {
  const { hub, modelsDir, httpsHosts, ca } = options;
  return {
    // The operator chose the hub, and with it the hosts that it redirects to.
    hub: new HubClient(hub, new WebClient({ hosts: ANY_HOST })),
    web: new WebClient({ hosts: callerHosts(httpsHosts), ca }),
    modelsDir,
    cacheDir: hub.cacheDir ?? modelsDir,
  };
}

/** @throws CortexError `model_load_failed`, transient if the server may answer later */
export function planPull(
  { hub, web, modelsDir, cacheDir }: RemoteAccess,
  { source, ...wanted }: PullRequest,
  signal: AbortSignal,
): Promise<PullPlan> {
  return source.kind === 'hub'
    ? planHubPull({ client: hub, cacheDir }, { ...wanted, source }, signal)
    : planWebPull({ client: web, modelsDir }, { ...wanted, source }, signal);
}

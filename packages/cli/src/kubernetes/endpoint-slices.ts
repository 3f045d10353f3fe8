import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

const TIMEOUT_MS = 10_000;
/** Entries of one answer; a service with more endpoints has several pages. */
const PAGE = 500;

/** What is read of `discovery.k8s.io/v1` EndpointSlice. */
const EndpointSlices = z.looseObject({
  metadata: z.looseObject({ continue: z.string().optional() }).default({}),
  items: z.array(
    z.looseObject({
      ports: z.array(z.looseObject({ port: z.int().nullish() })).nullish(),
      endpoints: z
        .array(
          z.looseObject({
            addresses: z.array(z.string()).min(1),
            nodeName: z.string().optional(),
            conditions: z
              .looseObject({ ready: z.boolean().nullish(), terminating: z.boolean().nullish() })
              .default({}),
          }),
        )
        .nullish(),
    }),
  ),
});
type EndpointSlices = z.infer<typeof EndpointSlices>;

/** The pod of a service on one machine of the cluster. */
export interface ServicePod {
  /** Name of the machine in the cluster. */
  readonly nodeName: string;
  readonly address: string;
  readonly port: number;
}

/** How the API of the cluster is called from a pod. */
export interface ClusterAccess {
  /** Base URL of the API server. */
  readonly url: string;
  /** The folder that Kubernetes mounts for the service account: `token`, `ca.crt` and `namespace`. */
  readonly account: string;
}

/** The namespace of this pod. */
export const ownNamespace = ({ account }: ClusterAccess): string =>
  readFileSync(join(account, 'namespace'), 'utf8').trim();

async function getPage(access: ClusterAccess, path: string): Promise<EndpointSlices> {
  // Kubernetes replaces the token of a running pod, so it is read for each call.
  const token = readFileSync(join(access.account, 'token'), 'utf8').trim();
  const response = await fetch(access.url + path, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
    tls: { ca: readFileSync(join(access.account, 'ca.crt'), 'utf8') },
  });
  if (!response.ok) {
    const hint = response.status === 403 ? '; its Role must allow it to list endpointslices' : '';
    throw new Error(`the API of the cluster answered with status ${response.status}${hint}`);
  }
  return EndpointSlices.parse(await response.json());
}

/** The pods of slices: those that run, and of several on one machine one that is ready. */
function podsOf({ items }: EndpointSlices): ServicePod[] {
  const found = items.flatMap(({ ports, endpoints }) => {
    const port = ports?.[0]?.port;
    if (!port) return [];
    return (endpoints ?? []).flatMap(({ addresses: [address], nodeName, conditions }) =>
      address === undefined || nodeName === undefined || conditions.terminating
        ? []
        : [{ pod: { nodeName, address, port }, isReady: conditions.ready !== false }],
    );
  });
  const byNode = new Map<string, ServicePod>();
  for (const { pod } of found.toSorted((a, b) => Number(a.isReady) - Number(b.isReady)))
    byNode.set(pod.nodeName, pod);
  return [...byNode.values()];
}

/**
 * The pods of a service, sorted by machine. Pods that are not ready are among them, terminating ones are not.
 *
 * @throws Error saying why the API of the cluster gave no list
 */
export async function listServicePods(
  access: ClusterAccess,
  { namespace, service }: { readonly namespace: string; readonly service: string },
): Promise<readonly ServicePod[]> {
  const query = new URLSearchParams({
    labelSelector: `kubernetes.io/service-name=${service}`,
    limit: String(PAGE),
  });
  const items: EndpointSlices['items'] = [];
  for (;;) {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices?${query}`;
    const page = await getPage(access, path);
    items.push(...page.items);
    if (!page.metadata.continue) break;
    query.set('continue', page.metadata.continue);
  }
  return podsOf({ metadata: {}, items }).toSorted((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}

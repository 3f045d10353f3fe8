/** The program of tools/deploy-check, which checks deploy/ with the libraries of Helm, Kubernetes and Compose. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { z } from 'zod';

import { deployCheckPath } from '../../tools/deploy-check.mjs';

export const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
export const CHART = join(DEPLOY, 'helm/cortex');

/** The namespace of the release. */
const NAMESPACE = 'llm';

/** Whether it is built: node tools/deploy-check.mjs */
export const isBuilt = existsSync(deployCheckPath());

/** Runs it. @returns what it printed @throws Error with what it said, if it failed */
export function deployCheck(...args: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([deployCheckPath(), ...args]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return stdout.toString();
}

/** An object of Kubernetes. Its type has been checked by the program. */
const Manifest = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
});
export type Manifest = z.infer<typeof Manifest>;

const Rendered = z.object({ manifests: z.array(Manifest), notes: z.string() });

/** The objects of the chart. */
export class Release {
  readonly manifests: readonly Manifest[];
  readonly notes: string;

  /** @param existing - Objects that the cluster has already. @throws Error that says why the chart refuses */
  constructor(values: Readonly<Record<string, unknown>> = {}, existing: readonly Manifest[] = []) {
    const file = join(temporaryFolder('chart'), 'input.json');
    // As Helm sends them to the cluster.
    const there = existing.map((each) => ({
      ...each,
      metadata: { ...each.metadata, namespace: NAMESPACE },
    }));
    writeFileSync(file, JSON.stringify({ values, existing: there }));
    const { manifests, notes } = Rendered.parse(JSON.parse(deployCheck('template', CHART, file)));
    this.manifests = manifests;
    this.notes = notes;
  }

  /** The objects of a kind, by the end of their names. */
  all(kind: string, end = ''): readonly Manifest[] {
    return this.manifests.filter((each) => each.kind === kind && each.metadata.name.endsWith(end));
  }

  /** The one object of a kind whose name ends so. @throws Error if there is none or several */
  one(kind: string, end = ''): Manifest {
    const [found, ...more] = this.all(kind, end);
    if (found === undefined || more.length > 0)
      throw new Error(`not one ${kind} with a name that ends with "${end}"`);
    return found;
  }
}

const Container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()).default([]),
  env: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).default([]),
  securityContext: z.looseObject({
    allowPrivilegeEscalation: z.boolean(),
    readOnlyRootFilesystem: z.boolean(),
    runAsUser: z.int().optional(),
    capabilities: z.object({ drop: z.array(z.string()), add: z.array(z.string()).default([]) }),
  }),
  resources: z
    .object({
      requests: z.record(z.string(), z.unknown()).default({}),
      limits: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});

const PodSpec = z.looseObject({
  automountServiceAccountToken: z.boolean(),
  enableServiceLinks: z.boolean(),
  securityContext: z.looseObject({
    runAsNonRoot: z.boolean(),
    runAsUser: z.int(),
    seccompProfile: z.object({ type: z.string() }),
  }),
  nodeSelector: z.record(z.string(), z.string()).default({}),
  initContainers: z.array(Container).default([]),
  containers: z.array(Container),
  volumes: z.array(z.looseObject({ name: z.string() })),
});
export type PodSpec = z.infer<typeof PodSpec>;

const Workload = z.looseObject({
  spec: z.looseObject({ template: z.object({ spec: PodSpec, metadata: z.unknown() }) }),
});

/** What runs in the pods of a Deployment or DaemonSet. */
export const podOf = (manifest: Manifest): PodSpec => Workload.parse(manifest).spec.template.spec;

/** The variables of a container that have a value. */
export const variablesOf = (pod: PodSpec, container: string): Record<string, string> =>
  Object.fromEntries(
    pod.containers
      .filter(({ name }) => name === container)
      .flatMap(({ env }) => env.map(({ name, value }) => [name, value ?? ''])),
  );

/** The Helm chart, rendered by Helm's library; its objects are decoded strictly into the types of Kubernetes. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadGatewayConfig } from '@cortex/gateway';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { loadNeuronConfig } from '../../packages/neuron/src/config.ts';
import {
  CHART,
  deployCheck,
  isBuilt,
  type Manifest,
  podOf,
  Release,
  variablesOf,
} from './deploy-check.ts';

const VALUE_SETS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'no values': {},
  'every option': {
    imagePullSecrets: ['registry'],
    commonLabels: { team: 'ml' },
    gateway: {
      image: { digest: `sha256:${'0'.repeat(64)}` },
      config: '[queue]\nmax_waiting = 10',
      models: '[aliases]\ndefault = "cortex-tiny"',
      tls: { secretName: 'cert' },
      service: { type: 'LoadBalancer', annotations: { 'example.com/pool': 'public' } },
      ingress: { enabled: true, className: 'nginx', host: 'llm.example', tlsSecretName: 'web' },
      podAnnotations: { a: 'b' },
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ operator: 'Exists' }],
      affinity: { nodeAffinity: {} },
      priorityClassName: 'high',
      extraEnv: [{ name: 'A', value: 'b' }],
    },
    neuron: {
      hubToken: { secretName: 'hub' },
      runtimeClassName: 'nvidia',
      podAnnotations: { a: 'b' },
      priorityClassName: 'high',
      extraEnv: [{ name: 'A', value: 'b' }],
      affinity: { nodeAffinity: {} },
      podSecurityContext: { supplementalGroups: [105] },
      storage: { modelsClaim: 'models' },
    },
    networkPolicy: { extraFrom: [{ namespaceSelector: {} }] },
    serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  },
  'secrets of the operator, and no folder of the machine': {
    gateway: { admin: { existingSecret: 'admin' }, persistence: { existingClaim: 'claim' } },
    neuron: { auth: { existingSecret: 'nodes' }, storage: { hostPath: '', sizeLimit: '100Gi' } },
    networkPolicy: { enabled: false },
  },
  'two gateways and two groups of machines': {
    gateway: { replicas: 2, persistence: { enabled: false } },
    neuron: {
      pools: {
        nvidia: { gpu: { count: 2 }, config: 'min_free_disk_mb = 4096' },
        amd: {
          variant: 'vulkan',
          gpu: { resource: 'amd.com/gpu' },
          nodeSelector: { gpu: 'amd' },
          storage: { hostPath: '' },
        },
      },
    },
  },
  'machines without a GPU, with IPv6 addresses': {
    fullnameOverride: 'llm',
    listenHost: '[::]',
    neuron: { variant: 'cpu', tolerations: [] },
  },
};

const Secret = z.looseObject({ data: z.record(z.string(), z.string()) });
const secretsOf = (release: Release): Record<string, string> =>
  Object.fromEntries(
    release
      .all('Secret')
      .flatMap((manifest) =>
        Object.entries(Secret.parse(manifest).data).map(([key, value]) => [
          key,
          Buffer.from(value, 'base64').toString(),
        ]),
      ),
  );
const textOf = (release: Release, end: string, file: string): string | undefined =>
  z.looseObject({ data: z.record(z.string(), z.string()) }).parse(release.one('ConfigMap', end))
    .data[file];
const workloads = (release: Release): readonly Manifest[] => [
  ...release.all('Deployment'),
  ...release.all('DaemonSet'),
];

/** What of the names of one object another one must have. */
const Service = z.looseObject({
  spec: z.looseObject({
    clusterIP: z.string().optional(),
    selector: z.record(z.string(), z.string()),
  }),
});
const labelsOf = (manifest: Manifest): Record<string, string> =>
  z
    .looseObject({
      spec: z.looseObject({
        template: z.looseObject({
          metadata: z.looseObject({ labels: z.record(z.string(), z.string()) }),
        }),
      }),
    })
    .parse(manifest).spec.template.metadata.labels;

describe.skipIf(!isBuilt)('Helm chart (needs node tools/deploy-check.mjs, which needs Go)', () => {
  test('helm lint --strict finds nothing', () => {
    expect(deployCheck('lint', CHART)).toBe('');
  });

  describe.each(Object.keys(VALUE_SETS))('with %s', (name) => {
    const values = VALUE_SETS[name];

    test('every container runs as a user that is not root, without privileges, on a read-only root file system', () => {
      for (const manifest of workloads(new Release(values))) {
        const pod = podOf(manifest);
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(pod.securityContext.runAsUser).toBeGreaterThan(10_000);
        expect(pod.automountServiceAccountToken).toBe(false);
        for (const { name: container, securityContext } of [
          ...pod.initContainers,
          ...pod.containers,
        ]) {
          const isOwner = container === 'own-folder';
          expect(securityContext.allowPrivilegeEscalation).toBe(false);
          expect(securityContext.readOnlyRootFilesystem).toBe(true);
          expect(securityContext.capabilities).toEqual({
            drop: ['ALL'],
            add: isOwner ? ['CHOWN'] : [],
          });
          expect(securityContext.runAsUser).toBe(isOwner ? 0 : undefined);
        }
      }
    });

    test('every mounted volume exists, and every service selects the pods of one part', () => {
      const release = new Release(values);
      const pods = workloads(release);
      for (const manifest of pods) {
        const { volumes, containers, initContainers } = podOf(manifest);
        const mounts = [...containers, ...initContainers].flatMap((each) => each.volumeMounts);
        expect(new Set(mounts.map((mount) => mount.name))).toEqual(
          new Set(volumes.map((volume) => volume.name)),
        );
      }
      for (const service of release.all('Service')) {
        const selector = Object.entries(Service.parse(service).spec.selector);
        const parts = pods
          .map(labelsOf)
          .filter((labels) => selector.every(([key, value]) => labels[key] === value))
          .map((labels) => labels['app.kubernetes.io/component']);
        expect(new Set(parts).size).toBe(1);
      }
    });

    test('gateway and nodes start with the files and variables that the chart gives them', () => {
      const release = new Release(values);
      const folder = temporaryFolder('chart-files');
      const secret = join(folder, 'secret');
      writeFileSync(secret, 'secret\n', { mode: 0o600 });
      const own = (variables: Record<string, string>): Record<string, string> =>
        Object.fromEntries(
          Object.entries(variables)
            .filter(([key]) => !key.includes('__TLS_'))
            .map(([key, value]) => [key, key.endsWith('_FILE') ? secret : value]),
        );
      for (const file of ['cortex.toml', 'models.toml', 'neuron.toml']) {
        const end = file === 'neuron.toml' ? '' : 'gateway';
        for (const { metadata } of release.all('ConfigMap', end)) {
          const text = textOf(release, metadata.name, file);
          if (text !== undefined) writeFileSync(join(folder, `${metadata.name}.${file}`), text);
        }
      }
      const gateway = release.one('Deployment');

      const { config } = loadGatewayConfig({
        file: join(folder, `${gateway.metadata.name}.cortex.toml`),
        env: own(variablesOf(podOf(gateway), 'gateway')),
      });
      const nodes = release.all('DaemonSet').map((manifest) =>
        loadNeuronConfig({
          file: join(folder, `${manifest.metadata.name}.neuron.toml`),
          env: own(variablesOf(podOf(manifest), 'neuron')),
        }),
      );

      expect(config.value.gateway.listen).toEndWith(':31313');
      expect(config.value.gateway.state_dir).toBe('/var/lib/cortex');
      expect([...config.warnings, ...nodes.flatMap(({ warnings }) => warnings)]).toEqual([]);
      expect(nodes.map(({ value }) => value.listen)).toEqual(
        nodes.map(() => config.value.gateway.listen.replace('31313', '13131')),
      );
    });
  });

  test('an upgrade keeps the secrets that the cluster has, and an install makes new ones', () => {
    const first = new Release();
    const upgraded = new Release({}, first.all('Secret'));
    const other = new Release();

    expect(secretsOf(upgraded)).toEqual(secretsOf(first));
    expect(Object.keys(secretsOf(first)).toSorted()).toEqual([
      'admin-key',
      'tls.crt',
      'tls.key',
      'token',
    ]);
    for (const key of Object.keys(secretsOf(first)))
      expect(secretsOf(other)[key]).not.toBe(secretsOf(first)[key]);
  });

  test('the certificate of the nodes is self-signed, valid for years and belongs to its key', () => {
    const secrets = secretsOf(new Release());
    const certificate = new X509Certificate(secrets['tls.crt'] ?? '');
    const key = z.string().parse(secrets['tls.key']);

    expect(certificate.checkHost('neuron')).toBe('neuron');
    expect(certificate.checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(Date.parse(certificate.validTo) - Date.now()).toBeGreaterThan(9 * 365 * 86_400_000);
  });

  test('only the container that lists the nodes has a token for the cluster, which may list EndpointSlices alone', () => {
    const release = new Release();
    const pod = podOf(release.one('Deployment'));

    expect(
      pod.containers
        .filter(({ volumeMounts }) => volumeMounts.some(({ name }) => name === 'account'))
        .map(({ name }) => name),
    ).toEqual(['nodes']);
    expect(release.one('Role')).toMatchObject({
      rules: [{ apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] }],
    });
    expect(pod.containers.find(({ name }) => name === 'nodes')?.args).toContain(
      `--service=${release.one('Service', 'neuron').metadata.name}`,
    );
    expect(Service.parse(release.one('Service', 'neuron')).spec.clusterIP).toBe('None');
  });

  test('each group of machines is a DaemonSet with its own image, GPUs and machines', () => {
    const release = new Release(VALUE_SETS['two gateways and two groups of machines']);
    const of = (end: string) => {
      const { containers, nodeSelector, initContainers } = podOf(release.one('DaemonSet', end));
      const [{ image, resources } = { image: '', resources: undefined }] = containers;
      return { image, limits: resources?.limits, nodeSelector, init: initContainers.length };
    };

    expect(of('-nvidia')).toEqual({
      image: 'neuron:0.1.0-cuda',
      limits: { 'nvidia.com/gpu': 2 },
      nodeSelector: { 'nvidia.com/gpu.present': 'true' },
      init: 1,
    });
    expect(of('-amd')).toEqual({
      image: 'neuron:0.1.0-vulkan',
      limits: { 'amd.com/gpu': 1 },
      nodeSelector: { gpu: 'amd' },
      init: 0,
    });
    expect(textOf(release, '-nvidia', 'neuron.toml')).toContain('min_free_disk_mb');
    expect(release.all('DaemonSet')).toHaveLength(2);
  });

  test('refuses a value that it does not have, and several gateways on one volume', () => {
    expect(() => new Release({ gatway: {} })).toThrow("'gatway'");
    expect(() => new Release({ neuron: { pools: { a: { varient: 'cpu' } } } })).toThrow('varient');
    expect(() => new Release({ gateway: { replicas: 2 } })).toThrow(
      'gateway.persistence.enabled=false',
    );
  });

  test('the notes name the service and the commands of this release', () => {
    const { notes } = new Release();

    expect(notes).toContain('http://fleet-cortex-gateway.llm:31313/v1');
    expect(notes).toContain('exec deployment/fleet-cortex-gateway -c gateway -- cortex status');
  });
});

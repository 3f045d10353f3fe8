import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { Command } from '@commander-js/extra-typings';
import { createLogger, writeWholeFiles } from '@cortex/service';

import { CliError } from '../cli-error.ts';
import {
  type ClusterAccess,
  listServicePods,
  ownNamespace,
} from '../kubernetes/endpoint-slices.ts';
import { formatNodes } from '../kubernetes/nodes-file.ts';

/** The gateway looks for changed files as often. */
const INTERVAL_MS = 5000;
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

type Env = Readonly<Record<string, string | undefined>>;

/** The pin of a certificate, as in cortex.toml. */
const fingerprintOf = (file: string): string =>
  `sha256:${new X509Certificate(readFileSync(file)).fingerprint256.replaceAll(':', '').toLowerCase()}`;

/** Where the API of this pod's cluster is. @throws CliError outside a cluster */
function clusterOf(env: Env, account: string): ClusterAccess {
  const host = env['KUBERNETES_SERVICE_HOST'];
  if (!host) {
    throw new CliError(
      'KUBERNETES_SERVICE_HOST is not set: this command runs in a pod, with the service account of the pod.',
    );
  }
  const name = host.includes(':') ? `[${host}]` : host;
  return { url: `https://${name}:${env['KUBERNETES_SERVICE_PORT'] ?? '443'}`, account };
}

const reasonOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** `cortex kubernetes-nodes`: lists the neurons of a cluster for the gateway, in a file of its `nodes.d`. */
export function kubernetesNodesCommand(env: Env) {
  return new Command('kubernetes-nodes')
    .description(
      'In a Kubernetes pod beside the gateway: write the pods of a service as [[neurons]] to a file in nodes.d, and again whenever they change.',
    )
    .requiredOption('--service <name>', 'the headless service of the neurons')
    .requiredOption('--out <file>', 'such as /var/lib/cortex/nodes.d/kubernetes.toml')
    .option('--namespace <name>', 'namespace of the service; default: that of this pod')
    .option(
      '--tls-cert <file>',
      'the certificate that all neurons have, in PEM form: they are called over https, and only this certificate is accepted; default: plain HTTP',
    )
    .option('--account <folder>', 'token, ca.crt and namespace of the service account', ACCOUNT)
    .option('--once', 'write the file once, and exit with 1 if that fails', false)
    .action(async ({ service, out, namespace, tlsCert, account, once }) => {
      const access = clusterOf(env, account);
      const log = createLogger({ name: 'cortex', level: env['CORTEX_LOG'] });
      let written: string | undefined;
      let problem: string | undefined;
      const update = async (): Promise<void> => {
        const where = { namespace: namespace ?? ownNamespace(access), service };
        const pods = await listServicePods(access, where);
        const tlsFingerprint = tlsCert === undefined ? undefined : fingerprintOf(tlsCert);
        const text = formatNodes(pods, { tlsFingerprint });
        if (text === written) return;
        writeWholeFiles([{ path: out, text, mode: 0o600 }]);
        written = text;
        log.info({ nodes: pods.map(({ nodeName }) => nodeName) }, 'nodes of the cluster written');
      };
      if (once) {
        return update().catch((error: unknown) => {
          throw new CliError(`the nodes of the cluster are unknown: ${reasonOf(error)}`);
        });
      }
      for (;;) {
        try {
          await update();
          problem = undefined;
        } catch (error) {
          // The file stays as it was: the gateway keeps the nodes that it knows.
          const reason = reasonOf(error);
          if (reason !== problem) log.warn(`the nodes of the cluster are unknown: ${reason}`);
          problem = reason;
        }
        await Bun.sleep(INTERVAL_MS);
      }
    });
}

import { NodeName, TlsFingerprint } from '@cortex/protocol';
import {
  allowedHosts,
  checkTlsPair,
  corsOrigins,
  listenAddress,
  MAX_BODY_MIB,
  positiveSeconds,
  seconds,
} from '@cortex/service';
import { z } from 'zod';

import { nodeEndpoint, sameEndpoint } from './node-endpoint.ts';

/**
 * `cortex.toml` as the operator writes it. Unknown keys are refused: a misspelt setting must not be silently
 * ignored.
 */
export const GatewayConfig = z.strictObject({
  gateway: z
    .strictObject({
      listen: listenAddress().default('127.0.0.1:31313').describe('Client API, host:port.'),
      metrics_listen: listenAddress()
        .default('127.0.0.1:31314')
        .describe('Prometheus metrics, host:port.'),
      models_config: z
        .string()
        .min(1)
        .default('models.toml')
        .describe('The model catalogue, relative to this file.'),
      state_dir: z
        .string()
        .min(1)
        .optional()
        .describe(
          'State folder of cortex, relative to this file. Default: $CORTEX_STATE_DIR, else $XDG_STATE_HOME/cortex, else ~/.local/state/cortex.',
        ),
      max_body_mb: z
        .number()
        .positive()
        .max(MAX_BODY_MIB)
        .default(MAX_BODY_MIB)
        .describe(`Largest request body, in MiB. Nodes take at most ${MAX_BODY_MIB} MiB.`),
      shutdown_grace_s: seconds()
        .default(30)
        .describe('How long running requests may take to finish after SIGTERM.'),
      trusted_proxies: z
        .array(
          z.union(
            [z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()],
            'must be an IP address or a block of them, such as "10.0.0.0/8"',
          ),
        )
        .default([])
        .describe('Proxies whose X-Forwarded-For header is trusted: addresses or CIDR blocks.'),
      cors_origins: corsOrigins().describe(
        'Web pages that may call all routes except /admin: origins such as "https://chat.example", "chrome-extension://*" for a scheme of extensions or webviews, or "*" for all.',
      ),
      allowed_hosts: allowedHosts().describe(
        'Host names that browsers may use for the gateway, in addition to IP addresses, names without a dot, and names below .local, .lan, .internal, .home.arpa and .localhost.',
      ),
      tls_cert: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Certificate of the client API in PEM form, with its chain, relative to this file; needs tls_key. The API then speaks https only; metrics_listen does not change. A changed file, such as a renewed certificate, is in use within 5 s.',
        ),
      tls_key: z
        .string()
        .min(1)
        .optional()
        .describe(
          'Private key of tls_cert in PEM form, without a passphrase, relative to this file.',
        ),
    })
    .superRefine(checkTlsPair)
    .prefault({}),
  eviction: z
    .strictObject({
      strategy: z
        .enum(['lru', 'priority'])
        .default('lru')
        .describe(
          'Which idle model is unloaded for one that needs room: with lru the cheapest to lose (load time, time since its last use), with priority the one with the lowest residency_priority, then the cheapest. Neither unloads one with a higher residency_priority.',
        ),
      min_residency_s: positiveSeconds()
        .default(10)
        .describe(
          'A model that was just loaded is not unloaded for another one of equal priority for this long, or twice its load time if that is longer.',
        ),
      defrag_after_cycles: z
        .int()
        .min(0)
        .default(50)
        .describe(
          'Number of loads and unloads inside one process after which an external engine is restarted when idle. 0: never.',
        ),
    })
    .prefault({}),
  routing: z
    .strictObject({
      policy: z
        .enum(['prefix-affinity', 'least-loaded', 'round-robin'])
        .default('prefix-affinity')
        .describe(
          'How one of several replicas is chosen: prefix-affinity keeps a conversation on the replica that has it in its prefix cache.',
        ),
      affinity_load_factor: z
        .number()
        .min(1)
        .default(1.25)
        .describe(
          'A conversation goes to another replica while its own has more than this many times the mean load.',
        ),
    })
    .prefault({}),
  queue: z
    .strictObject({
      max_waiting: z
        .int()
        .min(0)
        .default(256)
        .describe('Maximum number of waiting requests per model.'),
      max_wait_s: positiveSeconds().default(600).describe('How long a streamed request may wait.'),
      max_hold_s: positiveSeconds()
        .default(120)
        .describe('How long a request that is not streamed may wait. Clients give up after 300 s.'),
      starve_s: positiveSeconds()
        .default(30)
        .describe(
          'When a request has waited this long for another model to leave, or three times its own load time if that is longer, that model gets no new requests and is unloaded once it is idle, but not before its min_residency_s.',
        ),
      hold_s: z
        .number()
        .min(0)
        .default(5)
        .describe(
          'An idle model is not unloaded for this long because of a conversation whose last pauses were shorter, such as that of an agent. 0: never.',
        ),
      auto_pull: z
        .boolean()
        .default(true)
        .describe(
          'A request for a model of models.toml with a source downloads its files if no node has them.',
        ),
      loading_notes: z
        .boolean()
        .default(false)
        .describe(
          'A streamed chat that waits for a load says how far it is, as reasoning text: "loading MODEL on NODE … 40 %".',
        ),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      stream_idle_s: positiveSeconds()
        .default(300)
        .describe('A stream ends with an error when its node sends nothing for this long.'),
      stall_s: positiveSeconds()
        .default(60)
        .describe(
          'A connection is closed when its client reads nothing of a stream for this long.',
        ),
      connect_s: positiveSeconds()
        .default(5)
        .describe('Time limit for connecting to a node, and for its answers to status calls.'),
    })
    .prefault({}),
  auth: z
    .strictObject({
      node_token_file: z
        .string()
        .min(1)
        .optional()
        .describe(
          'File with the bearer token that the neurons without a token_file of their own require, relative to this file. Default: the credential cortex.node-token, if systemd has it. Of two lines the first is sent, so that the file of a node that changes its token can be used as it is. A changed file is read again within 15 s, which is later than the nodes read theirs, and at once on SIGHUP.',
        ),
      admin_key_file: z
        .string()
        .min(1)
        .optional()
        .describe(
          'File with the key of the admin API, relative to this file. Default: admin.key in gateway.state_dir, which the first start creates. A changed file is read again within 5 s, and at once on SIGHUP.',
        ),
    })
    .prefault({}),
  control: z
    .strictObject({
      poll_interval_s: positiveSeconds().default(10).describe('Pause between two polls of a node.'),
      failures_before_down: z
        .int()
        .min(1)
        .default(3)
        .describe('Failed polls in a row after which a node is down.'),
    })
    .prefault({}),
  neurons: z
    .array(
      z.strictObject({
        name: NodeName.describe('Node name, unique in the fleet.'),
        endpoint: nodeEndpoint.describe('Base URL of the neuron, such as http://host:13131.'),
        tls_fingerprint: TlsFingerprint.optional().describe(
          'Pins the certificate of an https:// endpoint: "sha256:" and the SHA-256 of its DER form. Replaces the checks of host name and certificate chain.',
        ),
        token_file: z
          .string()
          .min(1)
          .optional()
          .describe(
            'File with the bearer token of this node, relative to this file. Default: auth.node_token_file. Of two lines the first is sent. A changed file is read again within 5 s, and at once on SIGHUP.',
          ),
        weight: z
          .number()
          .positive()
          .default(1)
          .describe('Speed relative to the other nodes, until it has been measured.'),
        expected_offline: z
          .boolean()
          .default(false)
          .describe('The node may be off: it does not degrade /health when it is down.'),
        wake: z
          .strictObject({
            mac: z
              .string()
              .regex(
                /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i,
                'must be six bytes in hex, such as "00:1a:2b:3c:4d:5e"',
              )
              .describe('Hardware address of its network card.'),
            broadcast: z
              .string()
              .min(1)
              .default('255.255.255.255')
              .describe('Address to which the packet goes: the broadcast address of its network.'),
            port: z
              .number()
              .refine(
                (port) => Number.isInteger(port) && port >= 1 && port <= 65_535,
                'must be a port from 1 to 65535',
              )
              .default(9)
              .describe('Port to which the packet goes.'),
            timeout_s: positiveSeconds()
              .default(120)
              .describe('A host that has not answered after this long counts as not woken.'),
          })
          .optional()
          .describe(
            'The node may be asleep, and is woken by a packet (Wake-on-LAN) when it is the only place for a model. Implies expected_offline.',
          ),
      }),
    )
    .default([])
    .describe(
      'The nodes of the fleet. More can be listed in nodes.d/*.toml next to this file. "neuron join" adds nodes in nodes.d/*.toml in gateway.state_dir.',
    )
    .superRefine((neurons, context) => {
      const seen = new Set<string>();
      const names = new Map<string, string>();
      for (const [index, { name, endpoint, tls_fingerprint: pin }] of neurons.entries()) {
        if (pin !== undefined && !/^https:/i.test(endpoint))
          context.addIssue({
            code: 'custom',
            path: [index, 'tls_fingerprint'],
            message: `the endpoint ${endpoint} does not use TLS: write https:// or remove tls_fingerprint`,
          });
        if (seen.has(name))
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: `two neurons are named "${name}"`,
          });
        seen.add(name);
        const other = names.get(sameEndpoint(endpoint));
        if (other !== undefined)
          context.addIssue({
            code: 'custom',
            path: [index, 'endpoint'],
            message: `the neurons "${other}" and "${name}" have the same endpoint ${endpoint}: its memory would count twice`,
          });
        names.set(sameEndpoint(endpoint), name);
      }
    }),
});

export type GatewayConfig = z.infer<typeof GatewayConfig>;

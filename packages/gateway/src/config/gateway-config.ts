import { allowedHosts, corsOrigins } from '@cortex/service';
import { z } from 'zod';

const seconds = z.number().positive();
const listenAddress = z.string().min(1);

/** Node names are used in URLs, headers, labels and `id@node`. */
const NodeName = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    'must be 1 to 63 letters, digits, ".", "_" or "-", and start with a letter or a digit',
  );

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' });

/** `cortex.toml` as the operator writes it. Unknown keys are refused: a misspelt setting must not be silently ignored. */
export const GatewayConfig = z.strictObject({
  gateway: z
    .strictObject({
      listen: listenAddress.default('127.0.0.1:31313').describe('Client API, host:port.'),
      metrics_listen: listenAddress
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
          'Folder of what cortex keeps, relative to this file. Absent: $CORTEX_STATE_DIR, else $XDG_STATE_HOME/cortex, else ~/.local/state/cortex.',
        ),
      max_body_mb: z.number().positive().default(64).describe('Largest request body, in MiB.'),
      shutdown_grace_s: z
        .number()
        .min(0)
        .default(30)
        .describe('How long running requests may finish after SIGTERM.'),
      trusted_proxies: z
        .array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()]))
        .default([])
        .describe('Peers whose X-Forwarded-For names the client: addresses or CIDR blocks.'),
      cors_origins: corsOrigins().describe(
        'Web pages that may call everything but /admin: origins as "https://chat.example", "chrome-extension://*" for a scheme of extensions or webviews, or "*" for all.',
      ),
      allowed_hosts: allowedHosts().describe(
        'Names by which browsers reach the gateway and its pages, beside addresses, names without a dot, and names below .local, .lan, .internal, .home.arpa and .localhost.',
      ),
    })
    .prefault({}),
  eviction: z
    .strictObject({
      strategy: z
        .enum(['lru', 'priority'])
        .default('lru')
        .describe(
          'Has no effect yet. Which idle model leaves first: lru by idle time, priority by residency first.',
        ),
      defrag_after_cycles: z
        .int()
        .min(0)
        .default(50)
        .describe(
          'Has no effect yet. Restart an external engine, when idle, after so many loads. 0: never.',
        ),
    })
    .prefault({}),
  queue: z
    .strictObject({
      max_waiting: z.int().min(0).default(256).describe('Requests that may wait, per model.'),
      max_wait_s: seconds.default(600).describe('How long a streamed request may wait.'),
      max_hold_s: seconds
        .default(120)
        .describe('How long a request that is not streamed may wait. Clients give up at 300 s.'),
    })
    .prefault({}),
  timeouts: z
    .strictObject({
      stream_idle_s: seconds
        .default(300)
        .describe('A node that sends nothing for so long in a stream is given up.'),
      stall_s: seconds
        .default(60)
        .describe('A client that takes nothing of its stream for so long is gone.'),
      connect_s: seconds.default(5).describe('How long a call to a node may take to connect.'),
    })
    .prefault({}),
  auth: z
    .strictObject({
      node_token_file: z
        .string()
        .min(1)
        .optional()
        .describe('File with the bearer token of the neurons, relative to this file.'),
      admin_key_file: z
        .string()
        .min(1)
        .optional()
        .describe(
          'File with the key of the admin API, relative to this file. Absent: admin.key in gateway.state_dir, which the first start makes.',
        ),
    })
    .prefault({}),
  control: z
    .strictObject({
      poll_interval_s: seconds.default(10).describe('Pause between two polls of one node.'),
      failures_before_down: z.int().min(1).default(3).describe('Failed polls in a row.'),
    })
    .prefault({}),
  neurons: z
    .array(
      z.strictObject({
        name: NodeName.describe('Unique in the fleet.'),
        endpoint: httpUrl.describe('Base URL of the neuron, as http://host:13131.'),
        tls_fingerprint: z
          .string()
          .regex(/^sha256:[0-9a-f]{64}$/i, 'must be "sha256:" and 64 hex digits')
          .optional()
          .describe(
            'Pins the certificate of an https:// endpoint: "sha256:" and the SHA-256 of its DER form. Replaces the checks of name and chain.',
          ),
        weight: z
          .number()
          .positive()
          .default(1)
          .describe('Speed relative to the others until it has been measured.'),
        expected_offline: z
          .boolean()
          .default(false)
          .describe('May sleep: being down does not degrade /health.'),
      }),
    )
    .default([])
    .describe('The nodes of the fleet. More may stand in nodes.d/*.toml beside this file.')
    .superRefine((neurons, context) => {
      const seen = new Set<string>();
      for (const [index, { name, endpoint, tls_fingerprint: pin }] of neurons.entries()) {
        if (pin !== undefined && !endpoint.startsWith('https:'))
          context.addIssue({
            code: 'custom',
            path: [index, 'tls_fingerprint'],
            message: `the endpoint ${endpoint} has no certificate to compare; write https://`,
          });
        if (seen.has(name))
          context.addIssue({
            code: 'custom',
            path: [index, 'name'],
            message: `two neurons are named "${name}"`,
          });
        seen.add(name);
      }
    }),
});

/** Keys that are accepted and have no effect yet. A start with one of them set says so. */
export const KEYS_WITHOUT_EFFECT: readonly string[] = [
  'eviction.strategy',
  'eviction.defrag_after_cycles',
];

export type GatewayConfig = z.infer<typeof GatewayConfig>;

import { Command } from '@commander-js/extra-typings';
import { withProxyExceptions } from '@cortex/protocol';
import {
  assertFetchLimit,
  createLogger,
  endWithParent,
  installHangup,
  installShutdown,
} from '@cortex/service';

import { loadNeuronConfig } from '../config.ts';
import { startNeuron } from '../neuron.ts';

/** A proxy cannot reach the engines of this machine. */
const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]', '::1'] as const;

type Env = Readonly<Record<string, string | undefined>>;

/** `neuron serve`: runs the daemon until a signal ends it. */
export function serveCommand(env: Env) {
  return new Command('serve')
    .description(
      'Run the node daemon, which detects the hardware, loads models and answers requests.',
    )
    .option(
      '-c, --config <file>',
      'path of neuron.toml; without it, defaults and NEURON_… variables apply',
    )
    .option('--ready-file <path>', 'write {"pid","node"} to this file once the daemon listens')
    .action(async ({ config: file, readyFile }) => {
      // Requests for external engines are relayed with `fetch`.
      assertFetchLimit();
      Object.assign(process.env, withProxyExceptions(process.env, LOOPBACK));
      const config = loadNeuronConfig({ file, env });
      const log = createLogger({ name: 'neuron', level: env['NEURON_LOG'] });
      const neuron = await startNeuron({
        config,
        log,
        env,
        readyFile,
      });
      const shutdown = installShutdown({
        graceMs: () => config.value.shutdown_grace_s * 1000,
        log,
        drain: (graceMs) => neuron.close(graceMs),
      });
      installHangup({
        isInTerminal: process.stdin.isTTY === true,
        reload: () => neuron.reload(),
        end: () => shutdown.begin('the terminal was closed'),
      });
      endWithParent(() => shutdown.begin('the parent process ended'));
    });
}

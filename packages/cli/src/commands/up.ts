import { Command } from '@commander-js/extra-typings';

import { type Paint, type Terminal } from '../output/terminal.ts';
import { runUp } from '../up/run-up.ts';

/** `cortex up`: gateway and neuron on this machine. */
export function upCommand(context: {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly env: Readonly<Record<string, string | undefined>>;
}) {
  return new Command('up')
    .summary('Run the gateway and a neuron on this machine until Ctrl-C.')
    .description(
      'Run the gateway and a neuron on this machine, with the demonstration model, until Ctrl-C.\nState: $CORTEX_STATE_DIR, else $XDG_STATE_HOME/cortex, else ~/.local/state/cortex.',
    )
    .option('--lan', 'open the API to the network, but not the admin API and the neuron', false)
    .option('-c, --config <file>', 'cortex.toml; default: none')
    .option('--models <file>', 'models.toml; default: the one that cortex.toml names')
    .option('--neuron-config <file>', 'neuron.toml; default: none')
    .option(
      '--ready-file <path>',
      'file to write when both are listening: {"pid","api","node","metrics"}',
    )
    .action(({ lan, config, models, neuronConfig, readyFile }) =>
      runUp({
        ...context,
        isOnLan: lan,
        configFile: config,
        modelsFile: models,
        neuronConfigFile: neuronConfig,
        readyFile,
      }),
    );
}

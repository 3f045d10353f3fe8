import { Command } from '@commander-js/extra-typings';

import { type Paint, type Terminal } from '../output/terminal.ts';
import { runUp } from '../up/run-up.ts';

/** `cortex up`: everything on this machine, by one command. */
export function upCommand(context: {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly env: Readonly<Record<string, string | undefined>>;
}) {
  return new Command('up')
    .description(
      'Run the gateway and a neuron on this machine, with the embedded model, until Ctrl-C.\nState: $CORTEX_STATE_DIR, else $XDG_STATE_HOME/cortex, else ~/.local/state/cortex.',
    )
    .option('--lan', 'open the API (not admin, not the neuron) to the network', false)
    .option('-c, --config <file>', 'cortex.toml; none is read without this')
    .option('--models <file>', 'models.toml; none is read without this')
    .option('--neuron-config <file>', 'neuron.toml; none is read without this')
    .option('--ready-file <path>', 'written once both listen: {"pid","api","node","metrics"}')
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

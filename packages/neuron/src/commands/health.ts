import { Command } from '@commander-js/extra-typings';
import { ConfigError } from '@cortex/service';

import { loadNeuronConfig } from '../config.ts';
import { isAnswering, ownUrl } from '../doctor/is-answering.ts';
import { configFile } from './config-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** `neuron health`: whether the daemon of this configuration answers, for supervisors of containers. */
export function healthCommand(env: Env, print: (text: string) => void) {
  return new Command('health')
    .description(
      'Ask the daemon of this configuration whether it answers. Exits with 1 if it does not.',
    )
    .option('-c, --config <file>', 'path of neuron.toml; default: that of the installed service')
    .option('--json', 'print JSON, for scripts', false)
    .action(async ({ config: named, json }) => {
      const { value } = loadNeuronConfig({ file: configFile(named), env });
      const url = ownUrl(value);
      if (!(await isAnswering(value))) throw new ConfigError(`no neuron answers at ${url}`);
      print(json ? JSON.stringify({ ok: true, url }, null, 2) : `A neuron answers at ${url}.`);
    });
}

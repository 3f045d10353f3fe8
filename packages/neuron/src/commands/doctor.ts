import { Command } from '@commander-js/extra-typings';
import { ConfigError, type LoadedConfig } from '@cortex/service';

import { loadNeuronConfig, type NeuronConfig } from '../config.ts';
import { checkTls, checkToken } from '../doctor/check-access.ts';
import { checkEngine, checkGpus, checkLlamaServer } from '../doctor/check-engine.ts';
import { checkFolders } from '../doctor/check-folders.ts';
import { checkClock, checkPort } from '../doctor/check-network.ts';
import { type Finding, formatFindings, ok, wrong } from '../doctor/finding.ts';
import { CommandFailed } from './command-failed.ts';
import { discoverHere, unrecordedEngines } from './discover.ts';
import { configFile } from './config-file.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Every check of a valid configuration. */
async function examine(
  loaded: LoadedConfig<NeuronConfig>,
  { gateway, searchPath }: { readonly gateway: string | undefined; readonly searchPath: string },
): Promise<readonly Finding[]> {
  const config = loaded.value;
  const findings = await Promise.all([
    checkEngine(unrecordedEngines(config)),
    discoverHere(config).then(checkGpus),
    checkFolders(config),
    checkPort(config),
    gateway === undefined ? undefined : checkClock(gateway, Date.now),
    checkLlamaServer(config, searchPath),
  ]);
  return [...findings.flat(), checkToken(loaded), checkTls(loaded, Date.now())].filter(
    (finding) => finding !== undefined,
  );
}

/**
 * `neuron doctor`: examines this machine and the configuration. Prints what is wrong and what mends it, and exits
 * with 1 if something is.
 */
export function doctorCommand(env: Env, print: (text: string) => void) {
  return new Command('doctor')
    .description(
      'Examine this machine and the configuration: engine, GPUs, folders, port, token, certificate, clock. Prints each problem with the command that solves it. Exits with 1 if there is a problem.',
    )
    .option('-c, --config <file>', 'path of neuron.toml; default: that of the installed service')
    .option('--gateway <url>', 'a gateway whose clock is compared with that of this machine')
    .option('--json', 'print JSON, for scripts', false)
    .action(async ({ config: named, gateway, json }) => {
      const file = configFile(named);
      let findings: readonly Finding[];
      try {
        const loaded = loadNeuronConfig({ file, env });
        findings = [
          ok('config', file ?? 'the defaults and the environment: no --config was given'),
          ...loaded.warnings.map((text) => wrong('config', text)),
          ...(await examine(loaded, { gateway, searchPath: env['PATH'] ?? '' })),
        ];
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        findings = [
          wrong('config', error.message, 'correct the file, then run neuron doctor again'),
        ];
      }
      const isWell = findings.every(({ level }) => level !== 'wrong');
      print(json ? JSON.stringify({ ok: isWell, findings }, null, 2) : formatFindings(findings));
      if (!isWell) throw new CommandFailed();
    });
}

import { existsSync } from 'node:fs';

/** The configuration of the installed service. */
export const SERVICE_CONFIG = '/etc/neuron/neuron.toml';

/** The file that a command of the operator reads: what `--config` names, else that of the installed service. */
export const configFile = (named: string | undefined): string | undefined =>
  named ?? (Bun.isStandaloneExecutable && existsSync(SERVICE_CONFIG) ? SERVICE_CONFIG : undefined);

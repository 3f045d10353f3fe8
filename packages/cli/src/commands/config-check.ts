import { Command } from '@commander-js/extra-typings';
import { loadGatewayConfig, readNodeToken } from '@cortex/gateway';
import { type LoadedConfig } from '@cortex/service';

import { checkModels, type ModelCheck } from '../config-check/check-models.ts';
import { listValues } from '../config-check/list-values.ts';
import { formatTable } from '../output/format-table.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { jsonOption } from './context.ts';

const formatValues = (title: string, loaded: LoadedConfig<unknown>): string =>
  formatTable(
    [title, 'VALUE', 'FROM'],
    listValues(loaded).map(({ key, value, origin }) => [key, JSON.stringify(value), origin]),
  );

function formatModels(checks: readonly ModelCheck[]): string {
  return formatTable(
    ['MODEL', 'HARNESS', 'REACHABLE', 'NOTE'],
    checks.map(({ id, harness, nodes, note }) => [id, harness, nodes.join(', ') || 'no', note]),
  );
}

/** `cortex config`: at this time only `check`. */
export function configCommand(context: {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly env: Readonly<Record<string, string | undefined>>;
}) {
  const { terminal, paint, env } = context;
  const check = new Command('check')
    .description(
      'Read the configuration as "cortex serve" would, print every value with where it came from, and ask the neurons that answer which models they can serve. Exit code 1 when it would not start.',
    )
    .option('-c, --config <file>', 'cortex.toml; without it defaults and environment')
    .option('--models <file>', 'models.toml; without it what cortex.toml names')
    .addOption(jsonOption())
    .action(async ({ config: file, models: modelsFile, json }) => {
      const { config, models } = loadGatewayConfig({ file, modelsFile, env });
      const { nodes, checks } = await checkModels(
        config.value.neurons,
        models.value.models,
        readNodeToken(config.value),
      );
      const warnings = [...config.warnings, ...models.warnings];
      if (json) {
        const document = {
          config: listValues(config),
          models: listValues(models),
          nodes,
          reachable: checks,
          warnings,
        };
        return terminal.print(JSON.stringify(document, null, 2));
      }
      terminal.print(formatValues('CORTEX.TOML', config));
      if (models.value.models.length > 0 || Object.keys(models.value.aliases).length > 0) {
        terminal.print(`\n${formatValues('MODELS.TOML', models)}`);
      }
      if (nodes.length > 0) {
        const rows = nodes.map(({ name, endpoint, answer }) => [name, endpoint, answer]);
        terminal.print(`\n${formatTable(['NEURON', 'ENDPOINT', 'ANSWER'], rows)}`);
      }
      if (checks.length > 0) terminal.print(`\n${formatModels(checks)}`);
      for (const warning of warnings) terminal.warn(paint('yellow', `warning: ${warning}`));
      return undefined;
    });
  return new Command('config').description('Look at the configuration.').addCommand(check);
}

import { Command } from '@commander-js/extra-typings';
import {
  askNodes,
  loadGatewayConfig,
  type NodeReport,
  readConfiguredAdminKey,
  readNodeToken,
  secretWarnings,
} from '@cortex/gateway';
import { type LoadedConfig } from '@cortex/service';

import { checkModel, type ModelCheck } from '../config-check/check-models.ts';
import { listValues } from '../config-check/list-values.ts';
import { formatTable } from '../output/format-table.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { jsonOption } from './context.ts';

/** How long a node may take for each answer. */
const ASK_TIMEOUT_MS = 3000;

/** `ok`, or why the node could not be asked. */
const answerOf = (report: NodeReport): string =>
  report.kind === 'answered' ? 'ok' : report.reason;

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

/** `cortex config`: only `check` so far. */
export function configCommand(context: {
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly env: Readonly<Record<string, string | undefined>>;
}) {
  const { terminal, paint, env } = context;
  const check = new Command('check')
    .summary('Print every value with its origin, and ask every neuron.')
    .description(
      'Read the configuration as "cortex serve" does, print every value and its origin, and ask every neuron which models of models.toml it can serve. Exits with 1 if "cortex serve" would not start.',
    )
    .option('-c, --config <file>', 'cortex.toml; default: none')
    .option('--models <file>', 'models.toml; default: the one that cortex.toml names')
    .addOption(jsonOption())
    .action(async ({ config: file, models: modelsFile, json }) => {
      const { config, models, ownTokens } = loadGatewayConfig({ file, modelsFile, env });
      readConfiguredAdminKey(config);
      const reports = await askNodes(config.value, {
        tokens: { shared: readNodeToken(config), own: ownTokens },
        timeoutMs: ASK_TIMEOUT_MS,
      });
      const checks = models.value.models.map((profile) => checkModel(profile, reports));
      const warnings = [...config.warnings, ...models.warnings, ...secretWarnings(config)];
      if (json) {
        const document = {
          config: listValues(config),
          models: listValues(models),
          nodes: reports.map((report) => ({
            name: report.name,
            endpoint: report.endpoint,
            answer: answerOf(report),
          })),
          reachable: checks,
          warnings,
        };
        return terminal.print(JSON.stringify(document, null, 2));
      }
      terminal.print(formatValues('CORTEX.TOML', config));
      if (models.value.models.length > 0 || Object.keys(models.value.aliases).length > 0) {
        terminal.print(`\n${formatValues('MODELS.TOML', models)}`);
      }
      if (reports.length > 0) {
        const rows = reports.map((report) => [report.name, report.endpoint, answerOf(report)]);
        terminal.print(`\n${formatTable(['NEURON', 'ENDPOINT', 'ANSWER'], rows)}`);
      }
      if (checks.length > 0) terminal.print(`\n${formatModels(checks)}`);
      for (const warning of warnings) terminal.warn(paint('yellow', `warning: ${warning}`));
      return undefined;
    });
  return new Command('config').description('Check the configuration.').addCommand(check);
}

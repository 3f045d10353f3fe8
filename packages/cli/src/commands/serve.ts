import { Command } from '@commander-js/extra-typings';
import { loadGatewayConfig, startGateway } from '@cortex/gateway';
import { createLogger, endWithParent, installHangup, installShutdown } from '@cortex/service';

/** `cortex serve`: the gateway alone, in the foreground, logging JSON lines to stderr. */
export function serveCommand(env: Readonly<Record<string, string | undefined>>) {
  return new Command('serve')
    .description('Run the gateway in the foreground.')
    .option('-c, --config <file>', 'cortex.toml; default: none')
    .option('--models <file>', 'models.toml; default: the one that cortex.toml names')
    .option('--ready-file <path>', 'file to write when it is listening: {"pid","api","metrics"}')
    .option('--local-admin', 'accept admin calls from this machine only', false)
    .action(async ({ config: file, models, readyFile, localAdmin }) => {
      const input = { file, modelsFile: models, env };
      const configs = loadGatewayConfig(input);
      const log = createLogger({ name: 'cortex', level: env['CORTEX_LOG'] });
      const gateway = await startGateway({
        ...configs,
        input,
        log,
        readyFile,
        adminPeers: localAdmin ? 'this machine' : 'any',
      });
      const shutdown = installShutdown({
        graceMs: () => gateway.graceMs(),
        log,
        drain: (graceMs) => gateway.close(graceMs),
      });
      installHangup({
        isInTerminal: process.stdin.isTTY === true,
        reload: () => gateway.reload(),
        end: () => shutdown.begin('the terminal was closed'),
      });
      endWithParent(() => shutdown.begin('parent process has ended'));
    });
}

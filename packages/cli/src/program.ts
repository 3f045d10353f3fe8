import { Command } from '@commander-js/extra-typings';

import { refuseEmptyValues, stateDirectory, versionText } from '@cortex/service';

import manifest from '../package.json' with { type: 'json' };
import { findAdminKeys, readApiKey } from './client/admin-key.ts';
import { createGatewayClient } from './client/gateway-client.ts';
import { addCommand } from './commands/add.ts';
import { chatCommand } from './commands/chat.ts';
import { configCommand } from './commands/config-check.ts';
import { connectCommand } from './commands/connect.ts';
import { drainCommand } from './commands/drain.ts';
import { explainCommand } from './commands/explain.ts';
import { freeCommand } from './commands/free.ts';
import { joinTokenCommand } from './commands/join-token.ts';
import { kubernetesNodesCommand } from './commands/kubernetes-nodes.ts';
import { loadCommand } from './commands/load.ts';
import { modelsCommand } from './commands/models.ts';
import { nodesCommand } from './commands/nodes.ts';
import { pullCommand } from './commands/pull.ts';
import { rmCommand } from './commands/rm.ts';
import { pinCommand } from './commands/pin.ts';
import { serveCommand } from './commands/serve.ts';
import { statusCommand } from './commands/status.ts';
import { unloadCommand } from './commands/unload.ts';
import { upCommand } from './commands/up.ts';
import { createPaint, type Terminal } from './output/terminal.ts';

/** The command line of `cortex`. */
export function createProgram(options: {
  /** Terminal of the commands that print and exit. */
  readonly terminal: Terminal;
  /** Terminal of `up`, which keeps running. */
  readonly serviceTerminal: Terminal;
  readonly env: Readonly<Record<string, string | undefined>>;
}): Command {
  const { terminal, serviceTerminal, env } = options;
  const paint = createPaint(terminal, env);
  const client = {
    terminal,
    paint,
    connect: (url: string, keyFile?: string) =>
      createGatewayClient(url, {
        apiKey: readApiKey(env),
        adminKeys: () => findAdminKeys({ keyFile, env, url, stateDir: () => stateDirectory(env) }),
      }),
  };
  const program = new Command('cortex')
    .description(
      'One address for a self-hosted fleet of GPU hosts, for clients of OpenAI, Anthropic and Ollama.',
    )
    .version(versionText(manifest.version))
    .hook('preAction', (_, action) => refuseEmptyValues(action))
    .addCommand(upCommand({ terminal: serviceTerminal, paint, env }))
    .addCommand(serveCommand(env))
    .addCommand(statusCommand(client))
    .addCommand(nodesCommand(client, manifest.version))
    .addCommand(modelsCommand(client))
    .addCommand(loadCommand(client))
    .addCommand(unloadCommand(client))
    .addCommand(addCommand(client))
    .addCommand(pullCommand(client))
    .addCommand(rmCommand(client))
    .addCommand(pinCommand(client))
    .addCommand(explainCommand(client))
    .addCommand(drainCommand(client))
    .addCommand(freeCommand(client))
    .addCommand(joinTokenCommand(client))
    .addCommand(kubernetesNodesCommand(env))
    .addCommand(chatCommand(client, { input: process.stdin, output: process.stdout }))
    .addCommand(connectCommand(client, env))
    .addCommand(configCommand({ terminal, paint, env }));
  return program;
}

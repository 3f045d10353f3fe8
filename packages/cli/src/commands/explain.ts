import { Command } from '@commander-js/extra-typings';
import { type AdminExplanation } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** Ids that cortex makes; clients may send others in `x-request-id`. */
const REQUEST_ID = /^req_[A-Za-z0-9]{24}$/;

/** About the model of that name, else about the request with that id. */
async function explain(client: GatewayClient, asked: string): Promise<AdminExplanation> {
  if (REQUEST_ID.test(asked)) return client.explain({ request: asked });
  try {
    return await client.explain({ model: asked });
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    // No model has the name; the error about the model says more than one about a request.
    return client.explain({ request: asked }).catch(() => Promise.reject(error));
  }
}

/** `cortex explain MODEL|REQUEST`: why a model is where it is, and why a request waited, in words. */
export function explainCommand({ connect, terminal }: ClientContext) {
  return new Command('explain')
    .description(
      'Say where a model is or would go and why, or what was decided about a request: the nodes, what each one lacks, and what is unloaded for it.',
    )
    .argument('<model-or-request>', 'model id, alias, id@node, or the x-request-id of an answer')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (asked, { url, keyFile, json }) => {
      const explanation = await explain(connect(url, keyFile), asked);
      if (json) return terminal.print(JSON.stringify(explanation, null, 2));
      for (const line of explanation.text) terminal.print(line);
      return undefined;
    });
}

import { Command } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex drain NODE`: the node gets no new requests and loads no models; running requests finish. */
export function drainCommand({ connect, terminal }: ClientContext) {
  return new Command('drain')
    .description(
      'Give a node no new requests and no loads. Running requests finish, and its models stay loaded.',
    )
    .argument('<node>', 'name of the node, as in `cortex status`')
    .option('--undo', 'use the node again', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (node, { url, keyFile, undo, json }) => {
      const result = await connect(url, keyFile).drainNode({ node, draining: !undo });
      if (json) return terminal.print(JSON.stringify(result, null, 2));
      return terminal.print(
        result.draining
          ? `${node} is draining: "cortex drain ${node} --undo" ends that.`
          : `${node} takes requests and loads again.`,
      );
    });
}

import { Command, InvalidArgumentError } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

const UNITS = [
  ['day', SECONDS.d],
  ['hour', SECONDS.h],
  ['minute', SECONDS.m],
] as const;

const isUnit = (text: string | undefined): text is keyof typeof SECONDS =>
  text !== undefined && Object.hasOwn(SECONDS, text);

/** Seconds of a duration such as `90s`, `30m`, `2h`, `1.5d`. @throws InvalidArgumentError */
export function parseDuration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text) ?? [];
  const seconds = isUnit(unit) ? Number(amount) * SECONDS[unit] : 0;
  if (seconds > 0 && seconds <= 7 * SECONDS.d) return seconds;
  throw new InvalidArgumentError('It must be a duration of at most 7d, such as 90s, 30m or 2h.');
}

/** Seconds in the largest unit that they are a whole number of, such as `90 seconds` or `2 hours`. */
function formatDuration(seconds: number): string {
  const [unit, size] = UNITS.find(([, length]) => seconds % length === 0) ?? ['second', 1];
  const amount = Math.ceil(seconds / size);
  return `${amount} ${unit}${amount === 1 ? '' : 's'}`;
}

/** `cortex free NODE`: drains the node and unloads its models, so that another program can use its memory. */
export function freeCommand({ connect, terminal }: ClientContext) {
  return new Command('free')
    .description(
      'Free the memory of a node: drain it and unload its models, also pinned ones. Running requests finish first.',
    )
    .argument('<node>', 'name of the node, as in `cortex status`')
    .option(
      '--for <duration>',
      'use the node again after this time, such as 30m or 2h; default: until "cortex drain NODE --undo"',
      parseDuration,
    )
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (node, { url, keyFile, for: forS, json }) => {
      const result = await connect(url, keyFile).freeNode({ node, forS });
      if (json) return terminal.print(JSON.stringify(result, null, 2));
      for (const { model, reason } of result.kept) {
        terminal.warn(`${model} is still on ${node}: ${reason}`);
      }
      for (const model of result.pinned) {
        terminal.warn(
          `${model} is pinned on ${node} and was unloaded too. It stays pinned, and is loaded again by the next request for it once ${node} loads models again.`,
        );
      }
      const what =
        result.unloaded.length === 0
          ? `No model was loaded on ${node}.`
          : `Unloaded from ${node}: ${result.unloaded.join(', ')}.`;
      const until =
        forS === undefined
          ? `"cortex drain ${node} --undo" lets it load models again.`
          : `It loads models again in ${formatDuration(forS)}, or after "cortex drain ${node} --undo".`;
      return terminal.print(`${what} ${until}`);
    });
}

import { Command } from '@commander-js/extra-typings';
import { type AdminEstimate } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { parseModelArgument } from '../model-argument.ts';
import { pullAndWait } from '../output/pull-and-wait.ts';
import { formatBytes } from '../output/pull-line.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

function nodeLine({
  node,
  need_mb: need,
  fits,
  missing_mb: missing,
  error,
}: AdminEstimate): string {
  if (error !== undefined) return `  ${node}: ${error}`;
  const needs = `needs ${need ?? '?'} MiB`;
  if (fits === false) return `  ${node}: ${needs}, ${missing ?? '?'} MiB are missing now`;
  return `  ${node}: ${needs}, fits now`;
}

function parseTokens(text: string): number {
  const tokens = Number(text);
  if (Number.isInteger(tokens) && tokens > 0) return tokens;
  throw new CliError(`--context must be a whole number of tokens, not "${text}"`, { exitCode: 2 });
}

/** `cortex add SOURCE`: writes a model to models.toml and downloads it. */
export function addCommand({ connect, terminal }: ClientContext) {
  return new Command('add')
    .description(
      'Add a model to models.toml and download it: says what it needs, on which nodes it fits, and how to use it.',
    )
    .argument('<source>', 'hf:org/repo[:QUANT], hf:org/repo:file.gguf or https://host/file.gguf')
    .option('--id <name>', 'name of the model; default: that of the repository or file')
    .option('--context <tokens>', 'context length; default: chosen by the memory', parseTokens)
    .option('--no-pull', 'leave the download to the first request')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (text, { url, keyFile, id, context, pull, json }) => {
      const { model, source, quant } = parseModelArgument(text);
      if (source === undefined) {
        throw new CliError(
          `"${text}" is no source: give hf:org/repo, hf:org/repo:QUANT or https://host/file.gguf`,
          { exitCode: 2 },
        );
      }
      const client = connect(url, keyFile);
      const call = { id: id ?? model, source, quant, context_length: context };
      const added = await client.addModel(call);
      if (!json) {
        terminal.print(`${added.model} is in ${added.file}.`);
        for (const node of added.nodes) terminal.print(nodeLine(node));
      }
      const pulled =
        pull && added.nodes.length > 0
          ? await pullAndWait(client, { model: added.model }, terminal)
          : undefined;
      if (json) return terminal.print(JSON.stringify({ ...added, pulled }, null, 2));
      if (pulled) {
        const bytes = formatBytes(pulled.pull.bytes_done);
        terminal.print(`It is on ${pulled.node}: ${bytes}, complete and checked.`);
      }
      const body = JSON.stringify({
        model: added.model,
        messages: [{ role: 'user', content: 'Hello' }],
      });
      return terminal.print(
        `Try it:\n  curl -s ${client.url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
      );
    });
}

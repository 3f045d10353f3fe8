import { text as readText } from 'node:stream/consumers';

import { Command } from '@commander-js/extra-typings';

import { AnswerWriter } from '../chat/answer-writer.ts';
import { Conversation } from '../chat/conversation.ts';
import { runInteractiveChat } from '../chat/interactive.ts';
import { CliError } from '../cli-error.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type ClientContext, jsonOption, urlOption } from './context.ts';

export interface ChatStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/** The model to talk to when none is named: a loaded one before any other. */
async function chooseModel(client: GatewayClient): Promise<string> {
  const models = (await client.models()).filter(
    ({ capabilities }) => !capabilities.includes('embedding') || capabilities.includes('text'),
  );
  const chosen = models.find(({ loaded }) => loaded) ?? models[0];
  if (chosen === undefined) {
    throw new CliError('the gateway knows no model: see "cortex status" for what its nodes hold');
  }
  return chosen.id;
}

/** `cortex chat`: a conversation in the terminal, or one answer when the question comes through a pipe. */
export function chatCommand(
  { connect, terminal, paint }: ClientContext,
  { input, output }: ChatStreams,
) {
  return new Command('chat')
    .description(
      'Talk to a model. With a question on standard input it prints just the answer:\n  echo "What is cortex?" | cortex chat',
    )
    .argument('[model]', 'id or alias; without it one that is loaded')
    .option('--system <text>', 'system prompt')
    .option('--think', 'let the model think before it answers', false)
    .addOption(urlOption())
    .addOption(jsonOption())
    .action(async (model, { url, json, system, think }) => {
      const client = connect(url);
      const conversation = new Conversation(client, {
        model: model ?? (await chooseModel(client)),
        system,
        isThinking: think,
      });
      if (input.isTTY === true && !json) {
        return runInteractiveChat({ conversation, client, terminal, paint, input, output });
      }
      const question = (await readText(input)).trim();
      if (question === '') {
        throw new CliError('nothing to ask: standard input is empty', { exitCode: 2 });
      }
      const writer = new AnswerWriter(terminal, paint);
      const answer = await conversation.ask(
        question,
        ({ text }) => {
          if (!json && text !== undefined) writer.write({ text });
        },
        new AbortController().signal,
      );
      if (json)
        return terminal.print(JSON.stringify({ model: conversation.model, ...answer }, null, 2));
      writer.end();
      return undefined;
    });
}

import { text as readText } from 'node:stream/consumers';

import { Command } from '@commander-js/extra-typings';

import { AnswerWriter } from '../chat/answer-writer.ts';
import { Conversation } from '../chat/conversation.ts';
import { runInteractiveChat } from '../chat/interactive.ts';
import { CliError } from '../cli-error.ts';
import { chatModels, noModels } from '../client/chat-models.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { type ClientContext, jsonOption, urlOption } from './context.ts';

export interface ChatStreams {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

/** The model if none is named: a loaded one if there is one. */
async function chooseModel(client: GatewayClient): Promise<string> {
  const [chosen] = await chatModels(client);
  if (chosen === undefined) throw noModels();
  return chosen.id;
}

/** `cortex chat`: a chat in the terminal, or one answer to the question on standard input. */
export function chatCommand(
  { connect, terminal, paint }: ClientContext,
  { input, output }: ChatStreams,
) {
  return new Command('chat')
    .summary('Talk to a model in the terminal, or print one answer.')
    .description(
      'Talk to a model. With a question on standard input, print only the answer:\n  echo "What is cortex?" | cortex chat',
    )
    .argument('[model]', 'id or alias; default: a loaded model')
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
        throw new CliError('standard input is empty: write the question to it', { exitCode: 2 });
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

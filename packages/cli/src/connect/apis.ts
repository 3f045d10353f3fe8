import { z } from 'zod';

import { CliError } from '../cli-error.ts';
import { type Question } from '../client/calls.ts';
import { type GatewayClient } from '../client/gateway-client.ts';

/** The API with which a program calls the gateway. */
export type Api = 'openai' | 'responses' | 'anthropic';

interface ApiCalls {
  /** How a client of this API finds the models. */
  readonly list: Question;
  /** The shortest question to a model. */
  readonly question: (model: string) => Question;
}

const MESSAGES = [{ role: 'user', content: 'Hello' }];
const ANTHROPIC = { 'anthropic-version': '2023-06-01' };

const CALLS: Readonly<Record<Api, ApiCalls>> = {
  openai: {
    list: { path: '/v1/models' },
    question: (model) => ({
      path: '/v1/chat/completions',
      body: { model, messages: MESSAGES, max_tokens: 1 },
    }),
  },
  responses: {
    list: { path: '/v1/models?client_version=0' },
    question: (model) => ({
      path: '/v1/responses',
      body: { model, input: 'Hello', max_output_tokens: 1 },
    }),
  },
  anthropic: {
    list: { path: '/v1/models?limit=1000', headers: ANTHROPIC },
    question: (model) => ({
      path: '/v1/messages',
      headers: ANTHROPIC,
      body: { model, messages: MESSAGES, max_tokens: 1 },
    }),
  },
};

/** What came of one call. */
export interface Check {
  /** `POST /v1/messages`. */
  readonly call: string;
  readonly outcome: 'ok' | 'failed' | 'skipped';
  readonly reason?: string | undefined;
}

const List = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });

async function outcomeOf(call: string, attempt: () => Promise<string | undefined>): Promise<Check> {
  try {
    const reason = await attempt();
    return { call, outcome: reason === undefined ? 'ok' : 'failed', reason };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { call, outcome: 'failed', reason: error.message };
  }
}

const nameOf = ({ path, body }: Question): string =>
  `${body === undefined ? 'GET' : 'POST'} ${path.split('?')[0]}`;

/** Finds the model as a client of the API does, by its name or by the model that the name stands for. */
function checkList(client: GatewayClient, api: Api, names: readonly string[]): Promise<Check> {
  const { list } = CALLS[api];
  return outcomeOf(nameOf(list), async () => {
    const answer = List.safeParse(await client.ask(list));
    if (!answer.success) return 'the answer is not a list of models';
    const isThere = answer.data.data.some(({ id }) => names.includes(id));
    return isThere ? undefined : `${names[0]} is not in the list`;
  });
}

/**
 * Calls the API as a program does: its list of models, and a question to the model, which is left out if it would load
 * the model.
 */
export async function checkApi(
  client: GatewayClient,
  api: Api,
  model: {
    readonly names: readonly [string, ...string[]];
    readonly mayAsk: boolean;
    /** The model is loaded first, however long that takes. */
    readonly isLoading: boolean;
  },
): Promise<readonly Check[]> {
  const question = CALLS[api].question(model.names[0]);
  const call = nameOf(question);
  return [
    await checkList(client, api, model.names),
    model.mayAsk
      ? await outcomeOf(call, async () => {
          await client.ask({ ...question, isPatient: model.isLoading });
          return undefined;
        })
      : {
          call,
          outcome: 'skipped',
          reason: `${model.names[0]} is not loaded: --check loads it and asks it`,
        },
  ];
}

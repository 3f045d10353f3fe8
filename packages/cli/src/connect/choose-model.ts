import { type ListedModel } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { chatModels, noModels } from '../client/chat-models.ts';
import { type GatewayClient } from '../client/gateway-client.ts';

export interface Choice {
  /** The entry of the model, with the name that was asked for as its id. */
  readonly model: ListedModel;
  /** The model that the name stands for. */
  readonly root: string;
  /** The models that answer chats, the chosen one first. */
  readonly models: readonly ListedModel[];
}

const known = (models: readonly ListedModel[]): string =>
  models.map(({ id, loaded }) => (loaded ? `${id} (loaded)` : id)).join(', ');

/** The entry with this id, alias or `id@node`. */
function entryOf(models: readonly ListedModel[], name: string): ListedModel | undefined {
  const exact = models.find(({ id, aliases = [] }) => id === name || aliases.includes(name));
  if (exact !== undefined) return exact;
  const at = name.lastIndexOf('@');
  const node = name.slice(at + 1);
  return models.find(
    ({ id, feasible_on, locations }) =>
      at > 0 &&
      id === name.slice(0, at) &&
      [...feasible_on, ...locations.map((location) => location.node)].includes(node),
  );
}

/** The model of the alias `default`, otherwise the only one. */
async function defaultEntry(
  client: GatewayClient,
  models: readonly ListedModel[],
): Promise<ListedModel> {
  const named = await client.model('default');
  if (named?.root !== undefined) {
    const { root } = named;
    return models.find(({ id }) => id === root) ?? { ...named, id: root };
  }
  const [only, ...others] = models.filter(({ root }) => root === undefined);
  if (only !== undefined && others.length === 0) return only;
  throw new CliError(
    `the gateway has several models and no alias "default": choose one with --model.\nModels: ${known(models)}`,
    { exitCode: 2 },
  );
}

/**
 * The model with the name `asked`; without one, that of the alias `default` or the only one.
 *
 * @throws CliError that lists the models if there is no such model
 */
export async function chooseModel(
  client: GatewayClient,
  asked: string | undefined,
): Promise<Choice> {
  const models = await chatModels(client);
  if (models.length === 0) throw noModels();
  const entry = asked === undefined ? await defaultEntry(client, models) : entryOf(models, asked);
  if (entry === undefined)
    throw new CliError(`the gateway has no chat model "${asked}".\nModels: ${known(models)}`);
  const model = { ...entry, id: asked ?? entry.id };
  return {
    model,
    root: entry.root ?? entry.id,
    models: [model, ...models.filter(({ id }) => id !== entry.id)],
  };
}

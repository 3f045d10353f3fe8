import { type ListedModel } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type GatewayClient } from './gateway-client.ts';

/** The models that answer chats, loaded ones first. */
export async function chatModels(
  client: Pick<GatewayClient, 'models'>,
): Promise<readonly ListedModel[]> {
  const models = (await client.models()).filter(
    ({ capabilities }) => !capabilities.includes('embedding') || capabilities.includes('text'),
  );
  return [...models.filter(({ loaded }) => loaded), ...models.filter(({ loaded }) => !loaded)];
}

/** The error of a command that needs one of them and finds none. */
export const noModels = (): CliError =>
  new CliError('the gateway has no model: "cortex status" shows the models of its nodes');

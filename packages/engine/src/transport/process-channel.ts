import type { EngineChannel } from './engine-channel.ts';

/** Engine side: the channel of this process, as its parent passed it in `NODE_CHANNEL_FD`. Ends the process with the channel. */
export function processChannel(): EngineChannel {
  throw new Error('not yet');
}

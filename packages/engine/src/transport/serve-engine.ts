import type { Engine } from '../engine.ts';
import type { EngineChannel } from './engine-channel.ts';

/** Engine side of the protocol: answers on `channel` for `engine` until `close` or the channel's end. */
export function serveEngine(_engine: Engine, _channel: EngineChannel): Promise<void> {
  throw new Error('not yet');
}

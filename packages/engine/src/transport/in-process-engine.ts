import type { EngineConnection } from '../engine/connection.ts';
import type { Engine } from '../engine/engine.ts';
import { formatHello, readHello } from '../protocol/index.ts';
import { createChannelPair } from './channel-pair.ts';
import type { EngineChannel } from './engine-channel.ts';
import { EngineClient } from './engine-client.ts';
import { serveEngine } from './serve-engine.ts';

export interface InProcessOptions {
  /** Called with irregularities of the messages, because there is no process log to hold them. */
  readonly onNote?: (text: string) => void;
}

/** The same engine behind the same messages, within this process (the conformance suite). */
export const inProcessEngine = (
  engine: Engine,
  options: InProcessOptions = {},
): Promise<EngineConnection> =>
  connectInProcess((channel) => void serveEngine(engine, channel), options);

/**
 * An engine in this process that `serve` runs on the other end of a channel (`isolation = "none"`). Only messages pass
 * between them, so that it may be a bundle with classes of its own.
 */
export function connectInProcess(
  serve: (channel: EngineChannel) => void,
  { onNote }: InProcessOptions = {},
): Promise<EngineConnection> {
  const [ours, theirs] = createChannelPair();
  return new Promise((resolve, reject) => {
    let client: EngineClient | undefined;
    let cause: string | undefined;
    ours.open({
      onMessage: (message) => {
        if (client !== undefined) return client.receive(message);
        const reading = readHello(message);
        if (reading.kind !== 'ok') return reject(new Error('The engine did not begin with hello.'));
        client = new EngineClient(reading.hello, {
          send: (outgoing) => ours.send(outgoing),
          note: (text) => onNote?.(text),
          abandon: (why) => {
            cause ??= why;
            void ours.close(0);
          },
        });
        return resolve(client);
      },
      onEnd: (why) => client?.end(cause ?? why),
    });
    ours.send(formatHello('owner', ''));
    serve(theirs);
  });
}

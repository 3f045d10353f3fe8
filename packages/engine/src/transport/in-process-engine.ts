import type { EngineConnection } from '../engine/connection.ts';
import type { Engine } from '../engine/engine.ts';
import { formatHello, readHello } from '../protocol/index.ts';
import { createChannelPair } from './channel-pair.ts';
import { EngineClient } from './engine-client.ts';
import { serveEngine } from './serve-engine.ts';

export interface InProcessOptions {
  /** Called with irregularities of the messages, because there is no process log to hold them. */
  readonly onNote?: (text: string) => void;
}

/** The same engine behind the same messages, within this process (`isolation = "none"`, and the conformance suite). */
export function inProcessEngine(
  engine: Engine,
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
    ours.send(formatHello('owner', engine.version));
    void serveEngine(engine, theirs);
  });
}

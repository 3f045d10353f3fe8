import type { ChannelReceiver, EngineChannel } from './engine-channel.ts';
import { startParentWatchdog } from './parent-watchdog.ts';

/** How long the last messages of an ending process may take. */
const FLUSH_MS = 1000;

const ignore = () => undefined;

/**
 * Engine side: the channel of this process, as its parent passed it in `NODE_CHANNEL_FD`.
 *
 * From the call on SIGINT and SIGTERM are ignored (the owner alone says when it is over), and the process ends with
 * its owner. `close` ends the process.
 *
 * @throws Error when the process was started without a channel.
 */
export function processChannel(): EngineChannel {
  if (process.send === undefined) {
    throw new Error(
      'This program is an engine: neuron starts it, with a channel in NODE_CHANNEL_FD.',
    );
  }
  process.on('SIGINT', ignore);
  process.on('SIGTERM', ignore);
  startParentWatchdog();
  return new ProcessChannel();
}

class ProcessChannel implements EngineChannel {
  #isClosing = false;

  send(message: object): void {
    if (process.connected) process.send?.(message);
  }

  open(receiver: ChannelReceiver): void {
    process.on('disconnect', () => {
      // Not `process.exit`, which would wait for a running kernel or free the memory that it uses.
      if (!this.#isClosing) process.kill(process.pid, 'SIGKILL');
      receiver.onEnd('the owner closed the channel');
    });
    process.on('message', (message) => receiver.onMessage(message));
  }

  async close(exitCode: number): Promise<void> {
    this.#isClosing = true;
    await new Promise<void>((resolve) => {
      setTimeout(resolve, FLUSH_MS);
      if (!process.connected) return resolve();
      // The callback runs when all earlier messages have been sent.
      process.send?.({ kind: 'closed' }, undefined, undefined, () => resolve());
    });
    process.exit(exitCode);
  }
}

import type { ChannelReceiver, EngineChannel } from './engine-channel.ts';

/** One end of a pair. Messages travel as JSON text, so that both transports carry exactly the same values. */
class PairEnd implements EngineChannel {
  peer: PairEnd | undefined;
  #receiver: ChannelReceiver | undefined;
  readonly #inbox: string[] = [];
  #endCause: string | undefined;
  #isDelivering = false;

  send(message: object): void {
    if (this.#endCause !== undefined) return;
    this.peer?.receive(JSON.stringify(message));
  }

  open(receiver: ChannelReceiver): void {
    this.#receiver = receiver;
    this.#schedule();
  }

  close(): Promise<void> {
    this.end('this side closed the channel');
    this.peer?.end('the other side closed the channel');
    return Promise.resolve();
  }

  receive(text: string): void {
    this.#inbox.push(text);
    this.#schedule();
  }

  end(cause: string): void {
    if (this.#endCause !== undefined) return;
    this.#endCause = cause;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDelivering || this.#receiver === undefined) return;
    this.#isDelivering = true;
    queueMicrotask(() => this.#deliver());
  }

  /**
   * Delivers one message or the end. The next delivery is scheduled first, so a receiver that throws stops nothing
   * else.
   */
  #deliver(): void {
    this.#isDelivering = false;
    const receiver = this.#receiver;
    const text = this.#inbox.shift();
    if (receiver === undefined) return;
    if (text !== undefined) {
      this.#schedule();
      return receiver.onMessage(JSON.parse(text));
    }
    if (this.#endCause === undefined) return;
    this.#receiver = undefined;
    receiver.onEnd(this.#endCause);
  }
}

/** Two connected channels within this process. */
export function createChannelPair(): readonly [EngineChannel, EngineChannel] {
  const left = new PairEnd();
  const right = new PairEnd();
  left.peer = right;
  right.peer = left;
  return [left, right];
}

/** The receiver at one side of a channel. */
export interface ChannelReceiver {
  /** One decoded message. It can be any JSON value: the other side is not trusted. */
  onMessage(message: unknown): void;
  /** The other side has ended or violated the framing. Called once, after the last message. */
  onEnd(cause: string): void;
}

/** One side of a connection that carries the engine protocol: ordered messages, both ways. */
export interface EngineChannel {
  /** Queues one message, in order. Does nothing after the end. */
  send(message: object): void;
  /** Starts delivery, once, beginning with messages that have already arrived. */
  open(receiver: ChannelReceiver): void;
  /**
   * Sends what is queued, then ends this side.
   *
   * @param exitCode - Exit code of a process that ends with its channel; no effect without a process.
   */
  close(exitCode: number): Promise<void>;
}

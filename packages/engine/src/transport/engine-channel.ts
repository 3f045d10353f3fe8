/** Who listens on one side of a channel. */
export interface ChannelReceiver {
  /** One decoded message. Anything JSON may come: the other side is not trusted to keep the rules. */
  onMessage(message: unknown): void;
  /** The other side is gone, or broke the framing; nothing comes after it. Called once. */
  onEnd(cause: string): void;
}

/** One side of a connection that carries the engine protocol: ordered messages, both ways. */
export interface EngineChannel {
  /** Queues one message, in order. Does nothing after the end. */
  send(message: object): void;
  /** Starts delivery, once; what came before is delivered first. */
  open(receiver: ChannelReceiver): void;
  /**
   * Sends what is queued, then ends this side.
   *
   * @param exitCode - What a process that lives for its channel exits with; without a process it has no effect.
   */
  close(exitCode: number): Promise<void>;
}

import { connect, createServer, type Server, type Socket } from 'node:net';

type Step = { readonly dueMs: number; readonly run: () => void };

/** What travels in one direction of a connection, in order. */
class Travel {
  readonly #link: Link;
  readonly #steps: Step[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  /** Runs `run` after everything before it, when the link lets it pass. */
  push(run: () => void): void {
    this.#steps.push({ dueMs: performance.now() + this.#link.delayMs, run });
    this.pump();
  }

  pump(): void {
    clearTimeout(this.#timer);
    while (this.#steps.length > 0 && !this.#link.isHeld) {
      const waitMs = (this.#steps[0]?.dueMs ?? 0) - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        return;
      }
      this.#steps.shift()?.run();
    }
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#steps.length = 0;
  }
}

/** One connection of the gateway and the one to the node that belongs to it. */
class Pair {
  readonly #client: Socket;
  readonly #toNode: Travel;
  readonly #toClient: Travel;
  readonly #onEnd: () => void;
  #node: Socket | undefined;
  #closed = 0;

  constructor(
    link: Link,
    client: Socket,
    to: { readonly port: number; readonly onEnd: () => void },
  ) {
    this.#client = client;
    this.#onEnd = to.onEnd;
    this.#toNode = new Travel(link);
    this.#toClient = new Travel(link);
    client.setNoDelay(true);
    client.on('data', (bytes) => this.#toNode.push(() => this.#node?.write(bytes)));
    client.on('error', () => undefined);
    client.on('close', () => {
      this.#toNode.push(() => this.#node?.destroy());
      this.#close();
    });
    // A partition also keeps the node from learning of the connection.
    this.#toNode.push(() => this.#connect(to.port));
  }

  pump(): void {
    this.#toNode.pump();
    this.#toClient.pump();
  }

  /** Both sides see a reset. */
  reset(): void {
    this.#toNode.end();
    this.#toClient.end();
    this.#client.resetAndDestroy();
    this.#node?.resetAndDestroy();
  }

  #connect(port: number): void {
    const node = connect(port, '127.0.0.1');
    this.#node = node;
    node.setNoDelay(true);
    node.on('data', (bytes) => this.#toClient.push(() => this.#client.write(bytes)));
    node.on('error', () => this.#toClient.push(() => this.#client.resetAndDestroy()));
    node.on('end', () => this.#toClient.push(() => this.#client.end()));
    node.on('close', () => {
      this.#toClient.push(() => this.#client.end());
      this.#close();
    });
  }

  /** One of the two connections is closed. What was sent before may still be on its way. */
  #close(): void {
    this.#closed += 1;
    if (this.#closed === 2) this.#onEnd();
  }
}

/**
 * The network between the gateway and one node: a TCP relay that can reset, hold or delay what passes. There is no
 * back-pressure, because the answers of a run are small.
 */
export class Link {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly url: string;
  #isCut = false;
  isHeld = false;
  /** In each direction. */
  delayMs = 0;

  private constructor(server: Server, url: string, nodePort: number) {
    this.#server = server;
    this.url = url;
    server.on('connection', (client) => {
      if (this.#isCut) return client.resetAndDestroy();
      const onEnd = (): void => void this.#pairs.delete(pair);
      const pair = new Pair(this, client, { port: nodePort, onEnd });
      this.#pairs.add(pair);
      return client;
    });
  }

  /** A link to the node at `url`. */
  static async to(url: string): Promise<Link> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return new Link(server, `http://127.0.0.1:${port}`, Number(new URL(url).port));
  }

  /** Resets all connections, and every new one. */
  cut(): void {
    this.#isCut = true;
    for (const pair of this.#pairs) pair.reset();
    this.#pairs.clear();
  }

  /** A partition: nothing passes, new connections are accepted and get no answer. */
  hold(): void {
    this.isHeld = true;
  }

  /** Lets everything pass at once, also what was held. */
  restore(): void {
    this.#isCut = false;
    this.isHeld = false;
    this.delayMs = 0;
    for (const pair of this.#pairs) pair.pump();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

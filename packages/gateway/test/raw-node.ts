import { FakeNeuron } from '@cortex/testkit';

/** One request as a raw node got it. */
interface RawRequest {
  readonly socket: Pick<Bun.Socket, 'end'>;
  /** Counted from 1, of this connection. */
  readonly nth: number;
}

/**
 * A node that answers inference with bytes from the test, which no HTTP server would send. Polls are answered by
 * an ordinary fake behind it.
 */
export class RawNode {
  readonly url: string;
  /** Inference requests that arrived. */
  requests = 0;
  readonly #neuron: FakeNeuron;
  readonly #server: Bun.TCPSocketListener<{ nth: number }>;

  constructor(answer: (request: RawRequest) => string | undefined) {
    this.#neuron = new FakeNeuron({ models: [{ id: 'm' }] });
    const neuron = this.#neuron;
    this.#server = Bun.listen<{ nth: number }>({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open: (socket) => {
          socket.data = { nth: 0 };
        },
        data: (socket, bytes) => {
          const [, method, path = ''] = /^(\w+) (\S+) HTTP/.exec(bytes.toString('latin1')) ?? [];
          socket.data.nth += 1;
          if (method === 'GET') return void relayGet(`${neuron.url}${path}`, socket);
          this.requests += 1;
          const text = answer({ socket, nth: socket.data.nth });
          if (text !== undefined) socket.write(Buffer.from(text, 'latin1'));
        },
      },
    });
    this.url = `http://127.0.0.1:${this.#server.port}`;
  }

  async close(): Promise<void> {
    this.#server.stop(true);
    await this.#neuron.close();
  }
}

async function relayGet(url: string, socket: Bun.Socket<{ nth: number }>): Promise<void> {
  const body = await fetch(url).then(
    (response) => response.text(),
    // The test has ended, and the fake neuron with it.
    () => undefined,
  );
  if (body === undefined) {
    socket.end();
    return;
  }
  socket.write(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

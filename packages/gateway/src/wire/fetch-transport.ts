import { joinUrl } from '../nodes/endpoint-url.ts';
import { type ResponseBody } from './body-queue.ts';
import { type WireRequest, type WireResponse } from './node-connection.ts';
import { type SendOptions, type Transport } from './node-transport.ts';

function toBody(response: Response): ResponseBody {
  return {
    readAll: () => response.bytes(),
    async *[Symbol.asyncIterator]() {
      if (response.body !== null) yield* response.body;
    },
  };
}

/** Sends requests by `fetch`: for nodes behind TLS. */
export class FetchTransport implements Transport {
  async send(request: WireRequest, { endpoint, onCancel }: SendOptions): Promise<WireResponse> {
    const controller = new AbortController();
    onCancel((reason) => controller.abort(reason));
    const response = await fetch(joinUrl(endpoint, request.path), {
      method: 'POST',
      body: request.body,
      headers: request.headers,
      signal: controller.signal,
      redirect: 'manual',
      timeout: false,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers.entries()),
      body: toBody(response),
    };
  }

  close(): void {
    // Connections belong to the process.
  }
}

/**
 * The node that takes a large body and the client that sends it, in a separate process, so that their work does not
 * affect the measurement of a test. Prints the node's URL, reads the gateway's, prints the answer.
 */
const BYTES = 64 << 20;

/** 8 MiB of the JSON that is slowest to read; the rest of the body is one string. */
const dense = `[${'[],'.repeat((8 << 20) / 3)}[]]`;
const around = `{"model":"large","dense":${dense},"messages":[{"role":"user","content":""}]}`;
const body = around.replace('""', `"${'A'.repeat(BYTES - around.length)}"`);
const hash = Bun.hash(body).toString();

const model = { id: 'large', harness: 'llama', status: 'loaded', capabilities: [], settings: {} };
const answers: Readonly<Record<string, () => unknown>> = {
  '/models': () => [model],
  '/health': () => ({
    uptime_secs: 1,
    ready: true,
    draining: false,
    activation: { state: 'ready', pending: [], completed: [], failed: [] },
    devices: [],
    models: [{ id: 'large', in_flight: 0, queue_depth: 0, max_in_flight: 4, max_queue_depth: 4 }],
    harnesses: [],
  }),
  '/models/large/endpoint': () => ({ url: String(node.url) }),
};
const node: Bun.Server<undefined> = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  maxRequestBodySize: 1 << 30,
  async fetch(request): Promise<Response> {
    if (request.method === 'POST') {
      const bytes = await request.bytes();
      return Response.json({ bytes: bytes.length, same: Bun.hash(bytes).toString() === hash });
    }
    const answer = answers[new URL(request.url).pathname];
    return answer === undefined ? new Response(null, { status: 404 }) : Response.json(answer());
  },
});
process.stdout.write(`${node.url}\n`);

for await (const line of console) {
  const response = await fetch(`${line}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  process.stdout.write(`${response.status} ${await response.text()}\n`);
  break;
}
await node.stop(true);
process.exit(0);

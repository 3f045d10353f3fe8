/**
 * A server that answers every request with a constant: what a GET costs on this machine at this moment. Writes its
 * address to the file that is its only argument.
 */
import { renameSync, writeFileSync } from 'node:fs';

const [readyFile = ''] = process.argv.slice(2);
const BODY = JSON.stringify({ status: 'ok', text: 'x'.repeat(1000) });

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch: () => new Response(BODY, { headers: { 'content-type': 'application/json' } }),
});
writeFileSync(`${readyFile}.new`, JSON.stringify({ pid: process.pid, node: server.url.origin }));
renameSync(`${readyFile}.new`, readyFile);

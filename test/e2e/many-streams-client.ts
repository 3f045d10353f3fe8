/**
 * Opens N streams at once and prints one JSON line with the content and timing of each.
 *
 * A separate process that does not parse the answers, so that the cost of the test is not measured as delay of the
 * product.
 */
import { post } from './ask.ts';

async function listenTo(api: string, index: number) {
  const startMs = performance.now();
  const response = await post(api, {
    stream: true,
    max_tokens: 24,
    ignore_eos: true,
    messages: [{ role: 'user', content: `What is cortex? (${index})` }],
  });
  const chunks: Uint8Array[] = [];
  let firstByteMs: number | null = null;
  let longestSilenceMs = 0;
  let lastMs = startMs;
  for await (const chunk of response.body ?? []) {
    const nowMs = performance.now();
    firstByteMs ??= nowMs - startMs;
    if (chunks.length > 0) longestSilenceMs = Math.max(longestSilenceMs, nowMs - lastMs);
    lastMs = nowMs;
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString();
  return { status: response.status, firstByteMs, longestSilenceMs, text };
}

const [api = '', streams] = process.argv.slice(2);
const all = Array.from({ length: Number(streams) }, (_, index) => listenTo(api, index));
console.log(JSON.stringify(await Promise.all(all)));

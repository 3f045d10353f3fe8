/** The longest pause of a running stream while a large body arrives. */
import { NeuronClient } from './neuron-client.ts';
import type { Load } from './options.ts';
import type { Processes, Server } from './processes.ts';

const user = (content: string) => ({ role: 'user', content });

const tool = (_: unknown, index: number) => ({
  type: 'function',
  function: {
    name: `tool_${index}`,
    description: 'Reads one record of the fleet and returns it.',
    parameters: { type: 'object', properties: { id: { type: 'string' } }, required: ['id'] },
  },
});

const list = <T>(length: number, make: (_: unknown, index: number) => T): T[] =>
  Array.from({ length }, make);

/** Each is large in another way. Some are refused, the others are answered with one token. */
const BODIES = {
  '64 MB of text': { messages: [user('lorem ipsum '.repeat(5_590_000))] },
  '64 MB in 1,000 messages': { messages: list(1000, () => user('lorem ipsum '.repeat(5590))) },
  '9,000 tools': { messages: [user('hello')], tools: list(9000, tool) },
  '1,000 messages': { messages: list(1000, () => user('hi')) },
  '250 tools': { messages: [user('hello')], tools: list(250, tool) },
  '900 kB of text': { messages: [user('lorem ipsum '.repeat(75_000))] },
} as const;

/** Longest pauses in ms, one for each time that the body was sent. */
export type PauseSamples = Readonly<Record<string, readonly number[]>>;

/** Sends each large body several times beside one stream. `nothing` is the stream alone for as long. */
export async function measurePauses(
  processes: Processes,
  neuron: Server,
  { bodies }: Load,
): Promise<PauseSamples> {
  await new NeuronClient(neuron.url).load('one');
  await using stream = await processes.startStreams({ url: neuron.url, model: 'one', streams: 1 });
  const samples: Record<string, number[]> = { nothing: [] };
  for (const [name, fields] of Object.entries(BODIES)) {
    const body = new TextEncoder().encode(
      JSON.stringify({ model: 'one', max_tokens: 1, ...fields }),
    );
    samples[name] = [];
    for (let time = 0; time < bodies; time += 1) {
      await stream.mark();
      await Bun.sleep(300);
      samples['nothing']?.push((await stream.mark()).longestMs);
      const answer = await fetch(`${neuron.url}/v1/chat/completions`, { method: 'POST', body });
      await answer.bytes();
      samples[name].push((await stream.mark()).longestMs);
    }
  }
  return samples;
}

/** Compares neuron with llama-server, both over HTTP, with the same prompts and one client. */
import { cpuMs } from '../process-figures.ts';
import {
  ANSWER_CONTEXT_TOKENS,
  ANSWER_TOKENS,
  PROMPT_TOKENS,
  SAMPLINGS,
  type SamplingName,
} from './answers.ts';
import { type Server, startLlamaServer, startNeuron } from './http-servers.ts';
import type { MeasureOptions, Pair } from './measure.ts';
import { msPerStepOf, type Stream } from './our-engine.ts';

export interface HttpAnswers {
  /** Tokens per second; `native` is llama-server. */
  readonly throughput: Readonly<Record<SamplingName, Readonly<Record<string, readonly Pair[]>>>>;
  /** Milliseconds, one stream. */
  readonly firstToken: readonly Pair[];
  readonly commands: readonly (readonly string[])[];
}

export async function compareOverHttp(
  options: MeasureOptions,
  program: string,
): Promise<HttpAnswers> {
  const throughput: Record<SamplingName, Record<string, readonly Pair[]>> = {
    temperature_0: {},
    default_sampling: {},
  };
  let firstToken: readonly Pair[] = [];
  let commands: readonly (readonly string[])[] = [];
  for (const streams of options.streams) {
    const load = { ...options, slots: streams, contextTokens: ANSWER_CONTEXT_TOKENS };
    using theirs = await startLlamaServer(program, load);
    using ours = await startNeuron(load);
    commands = [theirs.command, ours.command];
    for (const sampling of ['temperature_0', 'default_sampling'] as const) {
      options.say(`  over HTTP, ${sampling}, ${streams} streams …`);
      const turns = await takeTurns(options.pairs, { theirs, ours }, { streams, sampling });
      throughput[sampling][streams] = turns.map(({ tokS }) => tokS);
      if (streams === 1 && sampling === 'temperature_0')
        firstToken = turns.map(({ firstMs }) => firstMs);
    }
  }
  return { throughput, firstToken, commands };
}

interface Asked {
  readonly streams: number;
  readonly sampling: SamplingName;
}

async function takeTurns(
  pairs: number,
  { theirs, ours }: { readonly theirs: Server; readonly ours: Server },
  asked: Asked,
): Promise<{ tokS: Pair; firstMs: Pair }[]> {
  await run(theirs, asked);
  await run(ours, asked);
  const out: { tokS: Pair; firstMs: Pair }[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const early = pair % 2 === 0 ? await run(theirs, asked) : undefined;
    const own = await run(ours, asked);
    const other = early ?? (await run(theirs, asked));
    const cpu = {
      nativeCpuMs: other.serverCpuMs,
      oursCpuMs: own.serverCpuMs,
      clientCpuMs: own.clientCpuMs,
    };
    out.push({
      tokS: { native: other.tokS, ours: own.tokS, ...cpu },
      firstMs: { native: other.firstMs, ours: own.firstMs, ...cpu },
    });
  }
  return out;
}

async function run(server: Server, { streams, sampling }: Asked) {
  const [before, clientBefore] = [server.cpuMs(), cpuMs(process.pid)];
  const all = await Promise.all(
    Array.from({ length: streams }, () => complete(server, SAMPLINGS[sampling])),
  );
  return {
    tokS: (streams * 1000) / msPerStepOf(all, ANSWER_TOKENS),
    firstMs: Math.max(...all.map(({ sentMs, tokensMs }) => (tokensMs[0] ?? NaN) - sentMs)),
    serverCpuMs: server.cpuMs() - before,
    clientCpuMs: cpuMs(process.pid) - clientBefore,
  };
}

/** Random tokens that both vocabularies of the benchmark have, so that prompts share no prefix. */
const randomTokens = (): number[] =>
  Array.from({ length: PROMPT_TOKENS }, () => 300 + Math.floor(Math.random() * 600));

async function complete(server: Server, sampling: object): Promise<Stream> {
  const sentMs = performance.now();
  const answer = await fetch(`${server.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: server.model,
      prompt: randomTokens(),
      max_tokens: ANSWER_TOKENS,
      ignore_eos: true,
      stream: true,
      ...sampling,
    }),
  });
  if (!answer.ok || answer.body === null)
    throw new Error(`${server.url} answered ${answer.status}: ${await answer.text()}`);
  const tokensMs: number[] = [];
  const decoder = new TextDecoder();
  let left = '';
  for await (const bytes of answer.body) {
    const atMs = performance.now();
    const lines = (left + decoder.decode(bytes, { stream: true })).split('\n');
    left = lines.pop() ?? '';
    for (const line of lines)
      if (line.startsWith('data: {') && !/"text":\s*""/.test(line)) tokensMs.push(atMs);
  }
  return { sentMs, tokensMs, cachedTokens: 0 };
}

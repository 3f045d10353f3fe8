import { resolve } from 'node:path';

import type { Measured } from './processes.ts';

export const ROOT = resolve(import.meta.dir, '../..');

/** What a command prints. @throws Error when it fails */
export async function output(command: string[]): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const text = await new Response(child.stdout).text();
  const code = await child.exited;
  if (code !== 0) throw new Error(`${command.join(' ')} ended with exit code ${code}`);
  return text;
}

/** Requests without streaming. */
export const wrkCommand = (target: Measured, connections: number, seconds: number): string[] => [
  'wrk',
  '-t1',
  `-c${connections}`,
  `-d${seconds}s`,
  '-s',
  'bench/gateway/request.lua',
  `${target.url}/v1/chat/completions`,
];

/** The API that a client speaks. */
export type Api = 'openai' | 'anthropic';

/** What `stream-client.ts` is told. */
interface StreamLoad {
  readonly api: Api;
  readonly mode: 'run' | 'hold' | 'first_byte' | 'first_content';
  readonly streams: number;
  readonly tokens: number;
  readonly everyMs: number;
  readonly probes?: number;
}

/** Streams of one client. */
export const clientCommand = (target: Measured, load: StreamLoad): string[] => [
  process.execPath,
  'bench/gateway/stream-client.ts',
  JSON.stringify({ url: target.url, ...load }),
];

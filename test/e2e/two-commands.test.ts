import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { GOOD_ANSWER } from './ask.ts';
import { isRunning, processTree } from './processes.ts';
import { Program, startUp, type Up } from './start-up.ts';

const START_LIMIT_MS = 10_000;
const END_LIMIT_MS = 3000;

describe('npm start', () => {
  let up: Up;
  let startMs: number;

  beforeAll(async () => {
    const startedMs = performance.now();
    up = await startUp({ command: ['npm', 'start', '--silent', '--'] });
    startMs = performance.now() - startedMs;
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('prints within 10 s what is running and what to do next', () => {
    const { output } = up.program;

    expect(startMs).toBeLessThan(START_LIMIT_MS);
    expect(output).toContain(`gateway  ${up.api}`);
    expect(output).toContain(`metrics ${up.metrics}/metrics`);
    expect(output).toMatch(new RegExp(`node +local +${up.node}`));
    expect(output).toMatch(/model +cortex-tiny +context \d+ +on cpu/);
    expect(output).toContain(`base URL ${up.api}/v1`);
    expect(output).toContain(`npx cortex chat --url ${up.api}`);
  });

  test('prints a curl command that works when pasted', async () => {
    const line = up.program.output.split('\n').find((text) => text.includes('curl '));
    const shell = new Program(['sh', '-c', line ?? 'false']);

    const code = await shell.ended;

    expect(code).toBe(0);
    expect(shell.output).toMatch(GOOD_ANSWER);
  });

  test('prints one line per request', async () => {
    const id = `req-line-${process.pid}`;
    await fetch(`${up.api}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'x-request-id': id },
      body: JSON.stringify({
        model: 'cortex-tiny',
        max_tokens: 8,
        messages: [{ role: 'user', content: 'hi' }],
      }),
    }).then((response) => response.text());

    await up.program.printed(id);

    const lines = up.program.output.split('\n').filter((text) => text.includes(id));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/chat +cortex-tiny +200 .*tokens/);
  });

  test('ends within 3 s of one Ctrl-C, delivered by both npm and the terminal, and leaves no process', async () => {
    const pids = processTree(up.program.pid).map(({ pid }) => pid);
    expect(pids.length).toBeGreaterThan(4);
    const startedMs = performance.now();

    up.program.interrupt();
    await up.program.ended;

    expect(performance.now() - startedMs).toBeLessThan(END_LIMIT_MS);
    expect(pids.filter(isRunning)).toEqual([]);
  });
});

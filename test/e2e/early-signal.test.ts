import { describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';

import { eventually, isRunning, processTree } from './processes.ts';
import { CORTEX_BIN, Program, Workspace } from './start-up.ts';

interface Start {
  readonly up: Program;
  readonly readyFile: string;
}

/** Sends SIGTERM to a starting `cortex up` when `isReached` holds. */
async function endAt(isReached: (start: Start) => boolean) {
  using workspace = new Workspace();
  const readyFile = workspace.path('up.json');
  const up = new Program([CORTEX_BIN, 'up', '--ready-file', readyFile], { env: workspace.env });
  await eventually('the moment of the signal', () => isReached({ up, readyFile }), 20_000);
  const below = processTree(up.pid).filter(({ pid }) => pid !== up.pid);
  up.child.kill('SIGTERM');
  const code = await up.ended;
  const left = below.filter(({ pid }) => isRunning(pid)).map(({ commandLine }) => commandLine);
  return { code, left, output: up.output };
}

/** The variables of a test run are unknown to the daemons, which warn about them. */
const linesWithoutWarnings = (output: string): string[] =>
  output.split('\n').filter((line) => line !== '' && !line.includes('  warn  '));

const daemonsOf = ({ up }: Start): number =>
  processTree(up.pid).filter(({ commandLine }) => / serve --ready-file /.test(commandLine)).length;

describe('SIGTERM during the start of cortex up ends every process, with exit code 0 and no error', () => {
  test.each([
    ['its neuron starts', (start: Start) => daemonsOf(start) === 1],
    ['its gateway starts', (start: Start) => daemonsOf(start) === 2],
    ['its first model is loaded', ({ readyFile }: Start) => existsSync(readyFile)],
  ])(
    'while %s',
    async (_, isReached) => {
      const { code, left, output } = await endAt(isReached);

      expect(left).toEqual([]);
      expect(linesWithoutWarnings(output)).toEqual(['Shutting down …']);
      expect(code).toBe(0);
    },
    60_000,
  );
});

import { describe, expect, spyOn, test } from 'bun:test';

import type { CommandUnknownOpts } from '@commander-js/extra-typings';

import { createProgram } from '../src/program.ts';
import { runCli } from '../src/run-cli.ts';
import { FakeTerminal } from './fake-client.ts';

const programWith = (terminal: FakeTerminal) =>
  createProgram({ terminal, serviceTerminal: terminal, env: {} });

/** `command` and every command below it, as a user writes them: `cortex config check`. */
function commandsOf(command: CommandUnknownOpts, parent = ''): string[] {
  const name = `${parent}${command.name()}`;
  return [name, ...command.commands.flatMap((child) => commandsOf(child, `${name} `))];
}

async function run(...args: string[]) {
  const terminal = new FakeTerminal();
  let printed = '';
  const record = (chunk: string | Uint8Array): boolean => {
    printed += String(chunk);
    return true;
  };
  // commander writes help and usage errors directly to the process.
  const spies = [
    spyOn(process.stdout, 'write').mockImplementation(record),
    spyOn(process.stderr, 'write').mockImplementation(record),
  ];
  try {
    const code = await runCli(programWith(terminal), args, terminal);
    return { code, printed, warnings: terminal.warnings };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

describe('the command line', () => {
  test('shows no default of a flag in any help, and the defaults of other options', async () => {
    const commands = commandsOf(programWith(new FakeTerminal())).map((name) =>
      name.split(' ').slice(1),
    );

    const helps = await Promise.all(
      commands.map(async (words) => {
        const { code, printed } = await run(...words, '--help');
        expect(code).toBe(0);
        return printed;
      }),
    );

    expect(helps.filter((text) => /default:\s+false/.test(text))).toEqual([]);
    expect(helps.join('')).toMatch(/default:\s+"http:\/\/127\.0\.0\.1:31313"/);
  });

  test('exits with 1 and one line that says what to do if no gateway runs', async () => {
    const { code, warnings } = await run('status', '--url', 'http://127.0.0.1:9');

    expect(code).toBe(1);
    expect(warnings.trim().split('\n')).toHaveLength(1);
    expect(warnings).toContain('npx cortex up');
  });

  test.each(['', 'localhost:31313', '127.0.0.1:31313', 'ftp://gateway', 'http://'])(
    'refuses CORTEX_URL=%p and names it',
    async (url) => {
      process.env['CORTEX_URL'] = url;
      try {
        const { code, printed } = await run('status');

        expect(code).toBe(2);
        expect(printed).toContain(`value '${url}' from env 'CORTEX_URL' is invalid`);
        expect(printed).toContain('as http://127.0.0.1:31313');
      } finally {
        delete process.env['CORTEX_URL'];
      }
    },
  );

  test.each(['http://me:secret@gateway', 'http://gateway/?a=b', 'http://gateway#a'])(
    'refuses --url %p, whose further parts would be lost',
    async (url) => {
      const { code, printed } = await run('status', '--url', url);

      expect(code).toBe(2);
      expect(printed).toContain('no user name, query or fragment: write http://gateway.');
    },
  );

  test.each([
    [['serve', '-c', ''], '-c, --config <file>'],
    [['up', '--models', ''], '--models <file>'],
    [['config', 'check', '--config='], '-c, --config <file>'],
    [['status', '--key-file', ''], '--key-file <path>'],
    [['load', 'm', '--node', ''], '--node <name>'],
    [['load', ''], 'model'],
  ])('refuses the empty value in %j as a usage error that names it', async (args, name) => {
    const { code, printed } = await run(...args);

    expect(code).toBe(2);
    expect(printed).toContain(`'${name}' must not be empty`);
  });

  test('exits with 2 on a usage error', async () => {
    expect((await run('load')).code).toBe(2);
    expect((await run('sttus')).code).toBe(2);
    expect((await run('status', '--nonsense')).code).toBe(2);
  });

  test.each(commandsOf(programWith(new FakeTerminal())))(
    'prints help for "%s --help"',
    async (name) => {
      const { code, printed } = await run(...name.split(' ').slice(1), '--help');

      expect(code).toBe(0);
      expect(printed).toContain(`Usage: ${name} `);
    },
  );
});

import { expect, test } from 'bun:test';

import { commandProblem, fillCommand, placeholdersOf } from './command-template.ts';

const VALUES = {
  file: '/models/a b;$(x).gguf',
  port: 4,
  context_total: 8192,
  slots: 2,
  mmproj: undefined,
  gpu_layers: 0,
  n_cpu_moe: undefined,
  spec_type: undefined,
};

test('a value of a command is one argument, whatever characters it has', () => {
  expect(fillCommand(['run', '-m', '${file}', '--port', '${port}'], VALUES)).toEqual([
    'run',
    '-m',
    '/models/a b;$(x).gguf',
    '--port',
    '4',
  ]);
});

test('a placeholder without a value is left out with its option', () => {
  expect(fillCommand(['run', '--mmproj', '${mmproj}', '-ngl', '${gpu_layers}'], VALUES)).toEqual([
    'run',
    '-ngl',
    '0',
  ]);
});

test('the placeholders of a command are its whole elements', () => {
  expect([...placeholdersOf(['${x}', '${port}', 'a${file}'])]).toEqual(['port']);
});

test.each([
  [['run', '--port=${port}'], 'must be an element of its own'],
  [['run', '${prot}'], 'has ${prot}, which is not a placeholder'],
  [['${file}'], 'behind the program'],
])('the command %p is refused with what is wrong', (command, why) => {
  expect(commandProblem(command)).toContain(why);
});

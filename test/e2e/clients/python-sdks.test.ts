/** The official SDKs for Python, each by its `../python/<name>_sdk.py`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { leftClients, untilAbandoned } from '../abandoned.ts';
import { Program, ROOT, startUp, type Up } from '../start-up.ts';
import { installed } from './installed.ts';

const SITE = installed('python', 'site');
const RESULT = /^(test_\w+) \(\w+\.(\w+)\.\w+\) \.\.\. (\w+)/gm;

/** The tests of a script, as `Class.test_name`. */
function testsOf(script: string): string[] {
  const names = readFileSync(script, 'utf8').matchAll(/^class (\w+)|^ {4}def (test_\w+)/gm);
  let group = '';
  return [...names].flatMap(([, className, name]) => {
    if (className !== undefined) group = className;
    return name === undefined ? [] : [`${group}.${name}`];
  });
}

const title = (name: string): string => name.replace('.test_', ': ').replaceAll('_', ' ');

for (const { sdk, leaving } of [
  { sdk: 'openai', leaving: 3 },
  { sdk: 'anthropic', leaving: 2 },
]) {
  const script = join(ROOT, `test/e2e/python/${sdk}_sdk.py`);
  const suite = describe.skipIf(SITE === undefined);

  suite(`the ${sdk} SDK for Python (needs CORTEX_TEST_CLIENTS with Python packages)`, () => {
    let up: Up;
    let output = '';
    let before = 0;
    const results = new Map<string, string>();

    beforeAll(async () => {
      up = await startUp();
      before = await leftClients(up);
      const program = new Program(['python3', '-B', script], {
        env: { CORTEX_API: up.api, PYTHONPATH: SITE },
      });
      await program.ended;
      ({ output } = program);
      for (const [, name, group, result] of output.matchAll(RESULT)) {
        results.set(`${group}.${name}`, result ?? '');
      }
    });
    afterAll(async () => {
      await up[Symbol.asyncDispose]();
    });

    for (const name of testsOf(script)) {
      test(title(name), () => {
        // The traceback is in the output, which a failure shows.
        if (results.get(name) !== 'ok') expect(output).toBe('');
        expect(results.get(name)).toBe('ok');
      });
    }

    test('each client that left stopped the engine', async () => {
      await untilAbandoned(up, before + leaving - 1);

      expect(await leftClients(up)).toBe(before + leaving);
    });
  });
}

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { listsMtp, ServerHelp } from './server-help.ts';

function program(path: string, help: string): string {
  writeFileSync(path, `#!/bin/sh\necho asked >> "$0.log"\ncat <<'END'\n${help}\nEND\n`, {
    mode: 0o755,
  });
  return path;
}

const WITH_MTP = '--spec-type none,draft-simple,draft-mtp,ngram-cache\n   (default: none)';

describe('the help of llama-server', () => {
  test.each([
    ['lists draft-mtp', WITH_MTP, true],
    ['lists it in brackets', '  --spec-type [none|draft-mtp]', true],
    ['lists other types', '--spec-type none,draft-simple,draft-mtp2', false],
    ['names it elsewhere', '--spec-type none\n --mtp   for draft-mtp', false],
    ['has no such option', '-m FNAME', false],
  ])('that %s', (_what, help, expected) => {
    expect(listsMtp(help)).toBe(expected);
  });

  test('is read once, and again after the program was replaced', async () => {
    const path = join(temporaryFolder('help'), 'llama-server');
    const help = new ServerHelp();
    program(path, '-m FNAME');

    expect([await help.listsMtp(path), await help.listsMtp(path)]).toEqual([false, false]);
    expect(await Bun.file(`${path}.log`).text()).toBe('asked\n');
    program(path, WITH_MTP);

    expect(await help.listsMtp(path)).toBe(true);
  });

  test('of a program that is absent or fails lists nothing, and is read again', async () => {
    const path = join(temporaryFolder('help'), 'llama-server');
    const help = new ServerHelp();
    expect(await help.listsMtp(path)).toBe(false);
    writeFileSync(path, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    expect(await help.listsMtp(path)).toBe(false);

    program(path, WITH_MTP);

    expect(await help.listsMtp(path)).toBe(true);
  });
});

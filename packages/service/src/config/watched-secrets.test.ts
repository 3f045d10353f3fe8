import { afterAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Logger } from '../log.ts';
import { WatchedSecrets, type WatchedSecretsOptions } from './watched-secrets.ts';

const folder = mkdtempSync(join(tmpdir(), 'watched-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let files = 0;

function secretFile(text: string, mode = 0o600): string {
  files += 1;
  const path = join(folder, `${files}`);
  writeFileSync(path, text, { mode });
  // The umask does not apply to it.
  chmodSync(path, mode);
  return path;
}

/** Watches `file`; `events` has the lines of the log, and `changed` for each change. */
function watched(file: string, options: Partial<WatchedSecretsOptions> = {}) {
  const events: string[] = [];
  const add = (first: unknown, second?: unknown): void => {
    events.push(String(typeof first === 'string' ? first : second));
  };
  const log: Pick<Logger, 'info' | 'warn'> = { info: add, warn: add };
  const secrets = new WatchedSecrets({
    from: { file, key: 'auth.secret_file', origins: new Map() },
    name: 'secret',
    maxSecrets: 2,
    log,
    onChange: () => events.push('changed'),
    ...options,
  });
  return { secrets, events };
}

describe('watched secrets', () => {
  test('are all lines of the file, and only they are valid', () => {
    const { secrets, events } = watched(secretFile('new\nold\n'));

    expect(secrets.secrets).toEqual(['new', 'old']);
    expect(['new', 'old', 'other', ''].map((given) => secrets.isValid(given))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(events).toEqual([]);
  });

  test('are read again once the file has changed', async () => {
    const path = secretFile('old\n');
    const { secrets, events } = watched(path);
    await secrets.refresh();
    expect(events).toEqual([]);

    writeFileSync(path, 'changed\n');
    await secrets.refresh();

    expect([secrets.isValid('old'), secrets.isValid('changed')]).toEqual([false, true]);
    expect(events).toEqual(['the secret has changed', 'changed']);
  });

  test('have not changed when the file was only written again', async () => {
    const path = secretFile('same\n');
    const { secrets, events } = watched(path);

    writeFileSync(path, '\n same \n\n');
    await secrets.refresh();
    secrets.reload();

    expect(events).toEqual([]);
  });

  test('with a delay change at a later look, counted from the last write, and at once on demand', async () => {
    const path = secretFile('old\n');
    const { secrets } = watched(path, { delayLooks: 2 });
    const afterLooks = async (looks: number) => {
      for (let look = 0; look < looks; look += 1) await secrets.refresh();
      return secrets.secrets;
    };

    writeFileSync(path, 'next\n');
    expect(await afterLooks(2)).toEqual(['old']);
    writeFileSync(path, 'newest\n');
    expect(await afterLooks(2)).toEqual(['old']);
    expect(await afterLooks(1)).toEqual(['newest']);
    writeFileSync(path, 'again\n');
    secrets.reload();
    expect(secrets.secrets).toEqual(['again']);
  });

  test.each([
    ['was removed', (path: string) => rmSync(path)],
    ['is empty', (path: string) => writeFileSync(path, '')],
    ['has three lines', (path: string) => writeFileSync(path, 'a\nb\nc\n')],
    ['can be written by every user', (path: string) => chmodSync(path, 0o666)],
  ])('stay the earlier ones when the file %s, with one warning', async (_, spoil) => {
    const path = secretFile('old\n');
    const { secrets, events } = watched(path);

    spoil(path);
    await secrets.refresh();
    await secrets.refresh();
    secrets.reload();

    expect(secrets.isValid('old')).toBe(true);
    expect(events).toHaveLength(1);
    expect(events[0]).toStartWith('the earlier secret stays in use: auth.secret_file: ');
  });

  test('in a file that every user can read come with a warning that names the command', () => {
    const path = secretFile('secret\n', 0o644);

    const { secrets, events } = watched(path);

    expect(secrets.isValid('secret')).toBe(true);
    expect(events).toEqual([
      `auth.secret_file: ${path} can be read by every user of this machine: run "chmod 600 ${path}"`,
    ]);
  });
});

import { describe, expect, test } from 'bun:test';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';

import { askWhole } from './ask.ts';
import { CORTEX_BIN, Program, startUp, Workspace } from './start-up.ts';

/** A port without a listener, so that every call through this proxy fails. */
const DEAD_PROXY = 'http://127.0.0.1:9';

describe('cortex up', () => {
  test.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY'])(
    'is reachable by its commands and clients with %s set',
    async (name) => {
      await using up = await startUp({ env: { [name]: DEAD_PROXY } });
      const models = new Program([CORTEX_BIN, 'models', '--url', up.api], {
        env: { [name]: DEAD_PROXY },
      });

      expect((await askWhole(up.api, { max_tokens: 4 })).choices).toHaveLength(1);
      expect(await models.ended).toBe(0);
      expect(models.output).toContain('cortex-tiny');
    },
    60_000,
  );
});

/** A user without an entry in /etc/passwd. */
const UNLISTED_USER = 54_321;
const AS_UNLISTED_USER = [
  'setpriv',
  '--reuid',
  `${UNLISTED_USER}`,
  '--regid',
  `${UNLISTED_USER}`,
  '--clear-groups',
];
const canChangeUser = process.getuid?.() === 0 && Bun.which('setpriv') !== null;

describe('for a user without an entry in /etc/passwd, cortex up', () => {
  function createWorkspace(): Workspace {
    const workspace = new Workspace();
    chmodSync(workspace.dir, 0o755);
    mkdirSync(workspace.path('own'));
    chownSync(workspace.path('own'), UNLISTED_USER, UNLISTED_USER);
    return workspace;
  }

  test.skipIf(!canChangeUser).each([
    ['without HOME', undefined],
    ['with HOME=/', '/'],
  ])(
    'serves %s when CORTEX_STATE_DIR is set (needs root)',
    async (_, home) => {
      using workspace = createWorkspace();
      const up = new Program([...AS_UNLISTED_USER, CORTEX_BIN, 'up'], {
        env: { ...workspace.env, HOME: home, CORTEX_STATE_DIR: workspace.path('own') },
      });

      const output = await up.printed('Next: ');
      up.child.kill('SIGTERM');

      expect(output).toMatch(/model +cortex-tiny +context/);
      expect(await up.ended).toBe(0);
    },
    60_000,
  );

  test.skipIf(!canChangeUser).each([
    ['without HOME', undefined],
    ['with HOME=/', '/'],
  ])(
    'names CORTEX_STATE_DIR in its error %s when it is not set (needs root)',
    async (_, home) => {
      using workspace = createWorkspace();
      const up = new Program([...AS_UNLISTED_USER, CORTEX_BIN, 'up'], {
        env: {
          ...workspace.env,
          HOME: home,
          CORTEX_STATE_DIR: undefined,
          XDG_STATE_HOME: undefined,
        },
      });

      expect(await up.ended).toBe(1);
      expect(up.output.trim().split('\n')).toHaveLength(1);
      expect(up.output).toContain('set CORTEX_STATE_DIR to a folder that');
    },
    60_000,
  );
});

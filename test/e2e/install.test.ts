import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'bun:test';

import { eventually } from './processes.ts';
import { Program, ROOT, Workspace } from './start-up.ts';
import { askWhole } from './ask.ts';

const MAX_MIB = 350;
const INSTALL_LIMIT_MS = 60_000;

/** The repository as in a fresh clone: tracked and new files, without build outputs and installed packages. */
class Clone implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'cortex-clone-'));

  constructor() {
    const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
    for (const file of execFileSync('git', list, { cwd: ROOT, encoding: 'utf8' }).split('\0')) {
      if (file === '' || !existsSync(join(ROOT, file))) continue;
      mkdirSync(dirname(join(this.dir, file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.dir, file));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const sizeMib = (path: string): number =>
  Number(execFileSync('du', ['-sm', path], { encoding: 'utf8' }).split('\t')[0]);

async function install(clone: Clone, variant: string): Promise<string> {
  const program = new Program(['node', 'tools/install.mjs', variant], { cwd: clone.dir });
  expect(await program.ended).toBe(0);
  return program.output;
}

describe('an installation in an empty folder', () => {
  test(
    'with node tools/install.mjs --cpu has no GPU engines, takes less than 350 MB, and serves with npm start',
    async () => {
      using clone = new Clone();
      using workspace = new Workspace();
      await install(clone, '--cpu');
      const modules = join(clone.dir, 'node_modules');
      const ready = workspace.path('up.json');

      const up = new Program(['npm', 'start', '--silent', '--', '--ready-file', ready], {
        cwd: clone.dir,
        env: workspace.env,
      });
      await up.printed('Next: ', 20_000);
      const { api } = await Bun.file(ready).json();
      const answer = await askWhole(String(api), { max_tokens: 8 });
      up.interrupt();
      await up.ended;

      expect(answer.choices[0]?.message.content).not.toBe('');
      expect(sizeMib(modules)).toBeLessThan(MAX_MIB);
      expect(existsSync(join(modules, '@node-llama-cpp/linux-x64-cuda'))).toBe(false);
      expect(existsSync(join(modules, 'prettier'))).toBe(false);
    },
    INSTALL_LIMIT_MS,
  );

  test(
    'with node tools/install.mjs --gateway has no engine, runs cortex serve, and reports the missing engine in neuron',
    async () => {
      using clone = new Clone();
      using workspace = new Workspace();
      await install(clone, '--gateway');
      const ready = workspace.path('cortex.json');

      const serve = new Program(['packages/cli/bin/cortex', 'serve', '--ready-file', ready], {
        cwd: clone.dir,
        env: workspace.env,
      });
      await eventually('the gateway to listen', () => existsSync(ready), 15_000);
      const { api } = await Bun.file(ready).json();
      const health = await fetch(`${String(api)}/health`);
      serve.child.kill('SIGTERM');

      const up = new Program(['npm', 'start', '--silent'], { cwd: clone.dir, env: workspace.env });
      const banner = await up.printed('Next: ', 20_000);
      up.interrupt();
      await up.ended;

      expect(health.status).toBe(200);
      expect(await serve.ended).toBe(0);
      expect(banner).toMatch(/cortex-tiny +failed: .*node-llama-cpp/);
      expect(existsSync(join(clone.dir, 'node_modules/node-llama-cpp'))).toBe(false);
    },
    INSTALL_LIMIT_MS,
  );
});

/** The packages, installed and run as their users run them. Nothing is left on this machine. */
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { Program, ROOT, SCALE } from '../e2e/start-up.ts';

const TOOLS = ['dpkg-deb', 'lintian', 'rpmbuild', 'rpmlint', 'rpm2cpio', 'cpio', 'dbus-daemon'];
const missing = [
  ...(SCALE < 1 ? ['SCALE=1'] : []),
  ...(process.getuid?.() === 0 ? [] : ['root']),
  ...TOOLS.filter((tool) => Bun.which(tool) === null),
];

function run(command: readonly string[], cwd = ROOT): string {
  const { success, stdout, stderr } = Bun.spawnSync([...command], { cwd });
  const output = stdout.toString() + stderr.toString();
  if (!success) throw new Error(`${command.join(' ')} failed:\n${output}`);
  return output;
}

describe.skipIf(missing.length > 0)(
  `packages (needs SCALE=1, root, and ${TOOLS.join(', ')})`,
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'cortex-packages-'));
    const target = `${process.platform}-${process.arch}`;
    const debs = join(dir, 'debs');
    const steps = new Map<string, string>();

    beforeAll(() => {
      run(['npm', 'run', 'build', '--', '--cpu-only', '--out', dir]);
      mkdirSync(join(debs, 'copy'), { recursive: true });
      const architecture = run(['dpkg', '--print-architecture']).trim();
      run(['deploy/deb/build.sh', join(dir, target), '0.1.0-1', architecture, debs]);
    }, 300_000);
    afterAll(() => rmSync(dir, { recursive: true, force: true }));

    test('for Debian satisfy lintian', () => {
      const found = globSync(join(debs, '*.deb'));

      expect(found).toHaveLength(2);
      expect(run(['lintian', '--fail-on', 'error,warning', ...found])).not.toMatch(/^[EW]:/m);
    }, 120_000);

    test('for Debian run as services of a real systemd: restarted, reloaded, joined, drained, removed and purged', async () => {
      copyFileSync(join(ROOT, 'test/deploy/probe.sh'), join(debs, 'probe.sh'));
      const namespaces = ['--mount', '--pid', '--fork', '--cgroup', '--uts', '--ipc', '--net'];
      const boot = new Program([
        'timeout',
        '200',
        'unshare',
        ...namespaces,
        '--propagation=private',
        'sh',
        join(ROOT, 'test/deploy/boot.sh'),
        debs,
      ]);
      await boot.ended;
      const log = readFileSync(join(debs, 'probe.log'), 'utf8');
      for (const part of log.split('== ').slice(1)) {
        const [name = '', ...lines] = part.split('\n');
        steps.set(name, lines.join('\n').trim());
      }

      expect(Object.fromEntries(steps)).toEqual({
        started: 'active\nactive\nrestricted',
        key: 'cortex 600',
        killed: 'active\nactive\n1\n\n1',
        reloaded: 'active\nactive',
        refused: 'status 1\nactive',
        credentials: expect.stringMatching(/^401\n.*\nown +up /),
        joined: expect.stringContaining('box has joined the fleet'),
        serves: expect.stringContaining('"content":"cortex'),
        listens: expect.stringMatching(/box .* https:\/\//),
        writes: expect.stringMatching(
          /replaced\n.*cortex\.toml': Operation not permitted\n.*Read-only file system$/,
        ),
        drained: 'running\n"completion_tokens":3000\ndata: [DONE]',
        stopped: 'Result=success\n\nResult=success\n0',
        alone: expect.stringMatching(/"content":"cortex.*\nResult=success$/),
        reinstalled: 'active\nactive',
        disabled: expect.stringMatching(/disabled\nenabled\ninactive\nactive$/),
        removed: [
          '/etc/cortex:\ncortex.toml\nmodels.toml\n',
          '/var/lib/cortex:\nadmin.key\nnodes.d',
          "ls: cannot access '/usr/lib/neuron': No such file or directory",
          "ls: cannot access '/usr/bin/cortex': No such file or directory\n0",
        ].join('\n'),
        purged: '',
        end: 'Powering off.',
      });
    }, 240_000);

    test('for Fedora are built without a network, satisfy rpmlint, and hold programs that run', async () => {
      const top = join(dir, 'rpm');
      mkdirSync(join(top, 'SOURCES'), { recursive: true });
      run(['node', 'tools/make-sources.mjs', join(top, 'SOURCES')]);
      for (const name of ['cortex', 'helexa-neuron']) {
        const spec = join(top, `${name}.spec`);
        copyFileSync(join(ROOT, 'deploy/rpm', `${name}.spec`), spec);
        const macros = join(ROOT, 'deploy/rpm/macros.systemd');
        const build = ['rpmbuild', '-bb', '--nodeps', `--load=${macros}`, '-D', `_topdir ${top}`];
        run(['unshare', '--net', ...build, spec]);
      }
      const rpms = globSync(join(top, 'RPMS/*/*.rpm'));
      const report = run(['rpmlint', '-c', join(ROOT, 'deploy/rpm/rpmlint.toml'), ...rpms]);

      const root = join(dir, 'root');
      mkdirSync(root);
      for (const rpm of rpms) run(['sh', '-c', `rpm2cpio "${rpm}" | cpio -idm --quiet`], root);
      const ready = join(dir, 'up.json');
      const up = new Program([join(root, 'usr/bin/cortex'), 'up', '--ready-file', ready], {
        cwd: dir,
        env: {
          CORTEX_STATE_DIR: join(dir, 'state'),
          CORTEX_GATEWAY__LISTEN: '127.0.0.1:0',
          CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.1:0',
          NEURON_LISTEN: '127.0.0.1:0',
        },
      });
      await up.printed('cortex-tiny  context', 30_000);
      up.interrupt();

      expect(rpms.map((rpm) => rpm.replace(/^.*\/|-\d.*$/g, '')).toSorted()).toContain(
        'helexa-neuron-cuda',
      );
      expect(report).toContain(' 0 errors, 0 warnings');
      expect(await up.ended).toBe(0);
    }, 600_000);
  },
);

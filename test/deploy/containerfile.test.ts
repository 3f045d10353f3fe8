/** The Containerfiles: what an image may not be, whatever builds it. */
import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadGatewayConfig } from '@cortex/gateway';
import { describe, expect, test } from 'bun:test';

import manifest from '../../package.json' with { type: 'json' };
import { loadNeuronConfig } from '../../packages/neuron/src/config.ts';
import { DEPLOY } from './deploy-check.ts';
import { IMAGES, imageSteps, readStages } from './containerfile.ts';

const ROOT = join(DEPLOY, '..');
const VARIANTS = [
  { image: 'cortex', args: {} },
  ...['cpu', 'cuda', 'vulkan'].map((variant) => ({
    image: 'neuron' as const,
    args: { VARIANT: variant },
  })),
] as const;

describe.each(VARIANTS)('image %j', ({ image, args }) => {
  const stages = readStages(image, args);
  const { base, steps } = imageSteps(stages);
  const last = (keyword: string) => steps.findLast((step) => step.keyword === keyword);
  const environment = steps.filter(({ keyword }) => keyword === 'ENV').map(({ text }) => text);

  test('every base image has a registry and a tag that is not latest', () => {
    const names = new Set(stages.map(({ name }) => name));
    for (const { from } of stages.filter((stage) => !names.has(stage.from))) {
      expect(from).toMatch(/^docker\.io\/(?:library\/)?[a-z/]+:[a-z0-9.-]+$/);
      expect(from).not.toEndWith(':latest');
    }
    expect(base).toMatch(
      args && 'VARIANT' in args && args.VARIANT === 'cuda' ? /nvidia\/cuda/ : /debian:13-slim/,
    );
  });

  test('it is built in a stage of its own, of which only the program is copied', () => {
    const [build] = stages;
    const copied = steps.filter(
      ({ keyword, text }) => keyword === 'COPY' && text.includes('--from'),
    );

    expect(build?.name).toBe('build');
    // There is no git repository that says what is built.
    expect(build?.steps.map(({ text }) => text)).toContainEqual(
      expect.stringMatching(
        /^npm ci .*&& SOURCE_COMMIT="\$REVISION" SOURCE_DATE_EPOCH=.* npm run build$/s,
      ),
    );
    expect(steps.some(({ text }) => text.includes('npm'))).toBe(false);
    expect(copied.map(({ text }) => text)).toEqual([
      image === 'cortex'
        ? '--from=build /out/cortex /usr/bin/cortex'
        : '--from=build /out/ /usr/lib/neuron/',
    ]);
  });

  test('it runs as a fixed user and group that are not root, to whom the state folder belongs', () => {
    const [, uid = '', gid = ''] = /^(\d+):(\d+)$/.exec(last('USER')?.text ?? '') ?? [];
    const commands = steps.filter(({ keyword }) => keyword === 'RUN').map(({ text }) => text);

    expect(Number(uid)).toBeGreaterThan(10_000);
    expect(gid).toBe(uid);
    expect(commands.join('\n')).toContain(`useradd --uid ${uid} --gid ${image} `);
    expect(commands.join('\n')).toContain(
      `install -d -m 0700 -o ${image} -g ${image} /var/lib/${image}`,
    );
    expect(last('VOLUME')?.exec).toEqual([`/var/lib/${image}`]);
    // Nothing is done as another user after it.
    expect(
      steps
        .slice(steps.findIndex(({ keyword }) => keyword === 'USER'))
        .map(({ keyword }) => keyword),
    ).not.toContain('RUN');
  });

  test('tini is process 1 and starts the program without a shell, with a configuration that can be replaced', () => {
    expect(last('ENTRYPOINT')?.exec).toEqual(['/usr/bin/tini', '--', `/usr/bin/${image}`]);
    expect(last('CMD')?.exec).toEqual(['serve', '--config', `/etc/${image}/${image}.toml`]);
    expect(
      steps.some(({ text }) =>
        /apt-get install -y --no-install-recommends [^&]*\btini\b/.test(text),
      ),
    ).toBe(true);
  });

  test('its health check is a command of the program itself', () => {
    const check = last('HEALTHCHECK');

    expect(check?.text).toContain('--timeout=');
    expect(check?.exec?.[0]).toBe(`/usr/bin/${image}`);
  });

  test('no step leaves lists of packages, and none adds from a URL', () => {
    for (const { keyword, text } of steps) {
      if (text.includes('apt-get install')) expect(text).toContain('rm -rf /var/lib/apt/lists/*');
      expect(keyword).not.toBe('ADD');
      expect(text).not.toMatch(/\b(?:curl|wget|sudo)\b|chmod 777/);
    }
  });

  test('it sets what the launcher sets before Bun starts', () => {
    const launcher = readFileSync(join(ROOT, 'packages/service/launch.sh'), 'utf8');
    const [, ramSize] = /BUN_JSC_forceRAMSize:=(\d+)/.exec(launcher) ?? [];
    const [, delay] = /MIMALLOC_PURGE_DELAY:=(\d+)/.exec(launcher) ?? [];

    expect(environment.join(' ')).toContain(
      `BUN_CONFIG_MAX_HTTP_REQUESTS=65336 BUN_JSC_forceRAMSize=${ramSize} MIMALLOC_PURGE_DELAY=${delay} HOME=/var/lib/${image}`,
    );
  });

  test('it has the labels of the Open Container Initiative, with the version of the product', () => {
    const labels = last('LABEL')?.text ?? '';

    for (const label of ['title', 'description', 'licenses', 'version', 'revision'])
      expect(labels).toContain(`org.opencontainers.image.${label}=`);
    expect(labels).toContain(`org.opencontainers.image.version="${manifest.version}"`);
  });

  test('every file that is copied from the repository is there, and is not left out of the context', () => {
    const ignored = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    const sources = steps
      .filter(({ keyword, text }) => keyword === 'COPY' && !text.includes('--from'))
      .map(({ text }) => text.split(' ')[0] ?? '');

    expect(sources.length).toBeGreaterThan(1);
    for (const source of sources) {
      expect(existsSync(join(ROOT, source))).toBe(true);
      expect(ignored.some((line) => line !== '' && source.startsWith(line))).toBe(false);
    }
  });
});

test('the configurations in the images are valid, and a node refuses to start without a token', () => {
  const folder = join(DEPLOY, 'container');

  const gateway = loadGatewayConfig({ file: join(folder, 'cortex.toml'), env: {} }).config.value;
  const node = () => loadNeuronConfig({ file: join(folder, 'neuron.toml'), env: {} });

  expect(gateway.gateway.listen).toBe('0.0.0.0:31313');
  expect(node).toThrow('set security.node_token_file');
});

test('node_modules and results of builds are not part of the context of a build, for every builder', () => {
  const ignored = readFileSync(join(ROOT, '.containerignore'), 'utf8').split('\n');

  expect(lstatSync(join(ROOT, '.containerignore')).isSymbolicLink()).toBe(true);
  for (const path of ['**/node_modules', 'dist', '.git', '.cache']) expect(ignored).toContain(path);
  expect(IMAGES).toEqual(['cortex', 'neuron']);
});

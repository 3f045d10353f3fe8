/** Builds and runs an image without a builder: Debian from its mirror, and the steps of the Containerfile in a chroot. */
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

import { type Image, imageSteps, readStages, type Stage, type Step } from './containerfile.ts';
import { DEPLOY } from './deploy-check.ts';

const ROOT = join(DEPLOY, '..');

/** What `npm run build` leaves. */
const DIST = join(ROOT, 'dist');

function sh(script: string, ...args: readonly string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(['/bin/sh', '-euc', script, 'sh', ...args]);
  if (exitCode !== 0) throw new Error(stderr.toString());
}

/** The root folder of Debian with what every image of it has. The name of the release is that of the base images, 13. */
export function debootstrap(root: string): void {
  sh('mmdebstrap --variant=minbase trixie "$1"', root);
  sh('cp -L /etc/resolv.conf "$1/etc/resolv.conf"', root);
}

/** Runs a command of the Containerfile in a root folder; `dist` is at /src/dist. */
function runIn(root: string, command: string, args: Readonly<Record<string, string>>): void {
  const script = `
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount --rbind /dev "$1/dev"
    mkdir -p "$1/src/dist"
    if [ -d "$2" ]; then mount --bind "$2" "$1/src/dist"; fi
    exec chroot "$1" /bin/sh -c "cd /src && $3"`;
  const { exitCode, stderr } = Bun.spawnSync(
    ['unshare', '--mount', '/bin/sh', '-euc', script, 'sh', root, DIST, 'eval "$COMMAND"'],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        DEBIAN_FRONTEND: 'noninteractive',
        ...args,
        COMMAND: command,
      },
    },
  );
  if (exitCode !== 0) throw new Error(`${command}\n${stderr.toString()}`);
}

/** COPY [--from=build] SOURCE TARGET */
function copy(
  text: string,
  { root, build }: { readonly root: string; readonly build: string },
): void {
  const words = text.split(' ');
  const from = words[0]?.startsWith('--from') ? build : ROOT;
  const [source = '', target = ''] = words.slice(-2);
  const to = join(root, target);
  mkdirSync(dirname(to), { recursive: true });
  const options = { recursive: true, verbatimSymlinks: true, preserveTimestamps: true };
  cpSync(
    join(from, source),
    target.endsWith('/') && !source.endsWith('/') ? join(to, basename(source)) : to,
    options,
  );
}

/** An image as it runs. */
export interface BuiltImage {
  readonly name: Image;
  readonly root: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

const environmentOf = (steps: readonly Step[]): Record<string, string> =>
  Object.fromEntries(
    steps
      .filter(({ keyword }) => keyword === 'ENV')
      .flatMap(({ text }) => text.split(/\s+/).map((pair) => pair.split('=') as [string, string])),
  );

/** The step of the build stage that picks the programs out of dist; the one before it needs a registry. */
const pickOf = (stages: readonly Stage[]): string =>
  stages[0]?.steps.findLast(({ keyword }) => keyword === 'RUN')?.text ?? '';

/** Makes an image of the root folder of Debian. */
export function buildImage(name: Image, folder: string, debian: string): BuiltImage {
  const args = { VARIANT: 'cpu' };
  const stages = readStages(name, args);
  const { steps } = imageSteps(stages);
  const [root, build] = [join(folder, name), join(folder, `${name}-build`)];
  sh('cp -a "$1" "$2"; cp -a "$1" "$3"', debian, root, build);
  runIn(build, pickOf(stages), args);
  for (const { keyword, text } of steps) {
    if (keyword === 'RUN') runIn(root, text, args);
    if (keyword === 'COPY') copy(text, { root, build });
  }
  sh('rm -rf "$1"', build);
  const last = (keyword: string) => steps.findLast((step) => step.keyword === keyword);
  return {
    name,
    root,
    user: last('USER')?.text ?? '',
    env: environmentOf(steps),
    command: [...(last('ENTRYPOINT')?.exec ?? []), ...(last('CMD')?.exec ?? [])],
    healthCheck: last('HEALTHCHECK')?.exec ?? [],
  };
}

/** Runs a command as process 1 of its own, as the user of the image, without capabilities, on a read-only root. */
const ENTER = `
  root=$1 state=$2 target=$3 user=$4; shift 4
  mount --make-rprivate /
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind "$state" "$root$target"
  mount -o remount,bind,ro "$root"
  exec chroot "$root" /usr/bin/setpriv --reuid "\${user%:*}" --regid "\${user#*:}" --clear-groups \
    --inh-caps=-all --bounding-set=-all --no-new-privs "$@"`;

/** A network of its own, in which containers run. */
export class Containers implements Disposable {
  readonly #network: Bun.Subprocess;
  readonly #running = new Set<Bun.Subprocess>();

  private constructor(network: Bun.Subprocess) {
    this.#network = network;
  }

  static async open(): Promise<Containers> {
    const network = Bun.spawn(
      ['unshare', '--net', '/bin/sh', '-euc', 'ip link set lo up; echo up; exec sleep 1000'],
      { stdout: 'pipe' },
    );
    // Before that, the process is still in the network of this machine.
    await network.stdout.getReader().read();
    return new Containers(network);
  }

  /** @param state - The folder at the place of the volume. */
  start(
    image: BuiltImage,
    state: string,
    options: {
      readonly command?: readonly string[];
      readonly env?: Readonly<Record<string, string>>;
    } = {},
  ) {
    const { command = image.command, env } = options;
    const child = Bun.spawn(
      [
        'nsenter',
        '--net',
        `--target=${this.#network.pid}`,
        'unshare',
        '--mount',
        '--pid',
        '--fork',
        '--kill-child',
        '/bin/sh',
        '-euc',
        ENTER,
        'sh',
        image.root,
        state,
        `/var/lib/${image.name}`,
        image.user,
        ...command,
      ],
      {
        env: {
          PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
          ...image.env,
          ...env,
        },
        stdin: 'ignore',
        stdout: 'pipe',
        stderr: 'pipe',
      },
    );
    this.#running.add(child);
    return child;
  }

  /** Runs a command in a container of its own beside the others. @returns its exit code and what it printed */
  async run(
    image: BuiltImage,
    state: string,
    command: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) {
    const child = this.start(image, state, { command, ...(env && { env }) });
    const [stdout, stderr, code] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
      child.exited,
    ]);
    return { code, text: stdout + stderr };
  }

  [Symbol.dispose](): void {
    for (const child of this.#running) child.kill('SIGKILL');
    this.#network.kill('SIGKILL');
  }
}

/** Process 1 of a container, as this machine numbers it. */
export function processOne(container: Bun.Subprocess): number {
  const children = readFileSync(`/proc/${container.pid}/task/${container.pid}/children`, 'utf8');
  return Number(children.trim());
}

/** Why images cannot be built and run here; undefined: they can. */
export function missing(): string | undefined {
  if (process.env['SCALE'] !== '1') return 'SCALE=1';
  if (process.getuid?.() !== 0) return 'root';
  if (Bun.which('mmdebstrap') === null) return 'mmdebstrap';
  const program = join(DIST, `linux-${process.arch}`, 'neuron', 'neuron');
  return existsSync(program) && lstatSync(program).isFile() ? undefined : 'npm run build';
}

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const START_LIMIT_MS = 15_000;

const ROOT = resolve(import.meta.dir, '../..');

/** A process under measurement. */
export interface Measured {
  readonly name: 'nginx' | 'cortex' | 'upstream';
  readonly url: string;
  /** The process that does the work: the worker of nginx, not its master. */
  readonly pid: number;
  /** The started process: the memory of a contender includes it and its descendants. */
  readonly rootPid: number;
  readonly command: string;
}

async function waitFor<T>(what: string, read: () => T | undefined | Promise<T | undefined>) {
  const endMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < endMs) {
    const value = await read();
    if (value !== undefined) return value;
    await Bun.sleep(50);
  }
  throw new Error(`${what} did not start within ${START_LIMIT_MS / 1000} s`);
}

function readJson(path: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // Not written yet.
    return undefined;
  }
}

const nginxConfig = (folder: string, port: number, upstreamPort: string): string => `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log ${folder}/nginx-error.log;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000000;
  upstream node { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    client_max_body_size 100m;
    client_body_buffer_size 64k;
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;

/** A port without a listener. */
async function freePort(): Promise<number> {
  const probe = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
  const { port } = probe;
  await probe.stop(true);
  if (port === undefined) throw new Error('no free port');
  return port;
}

/** The three contenders, each in separate processes. */
export class Contenders {
  readonly folder: string;
  readonly #children: Bun.Subprocess[] = [];

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  async startUpstream(): Promise<Measured> {
    const ready = join(this.folder, 'upstream.json');
    const command = [process.execPath, 'bench/gateway/upstream.ts', ready];
    const child = this.#spawn(command);
    const { pid, url } = await waitFor('the upstream', () => readJson(ready));
    return {
      name: 'upstream',
      url: String(url),
      pid: Number(pid),
      rootPid: child.pid,
      command: command.join(' '),
    };
  }

  async startNginx(upstream: Measured): Promise<Measured> {
    const path = Bun.which('nginx') ?? '/usr/sbin/nginx';
    const port = await freePort();
    const file = join(this.folder, 'nginx.conf');
    writeFileSync(file, nginxConfig(this.folder, port, new URL(upstream.url).port));
    const command = [path, '-p', this.folder, '-c', file];
    const master = this.#spawn(command);
    const url = `http://127.0.0.1:${port}`;
    await waitFor('nginx', () =>
      fetch(`${url}/version`).then(
        ({ ok }) => ok || undefined,
        () => undefined,
      ),
    );
    const children = readFileSync(`/proc/${master.pid}/task/${master.pid}/children`, 'utf8');
    return {
      name: 'nginx',
      url,
      pid: Number(children.trim()),
      rootPid: master.pid,
      command: command.join(' '),
    };
  }

  /** @param slowUs - CPU to burn per request, microseconds; 0: the unchanged product. */
  async startCortex(upstream: Measured, slowUs: number): Promise<Measured> {
    const config = join(this.folder, 'cortex.toml');
    const ready = join(this.folder, 'cortex.json');
    writeFileSync(
      config,
      `[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"\n[[neurons]]\nname = "bench"\nendpoint = "${upstream.url}"\n`,
    );
    const command = ['packages/cli/bin/cortex', 'serve', '-c', config, '--ready-file', ready];
    const preload = resolve(import.meta.dir, '../slow-requests.ts');
    const child = this.#spawn(command, {
      env: slowUs > 0 ? { BUN_OPTIONS: `--preload ${preload}`, SLOW_US: String(slowUs) } : {},
      stderr: Bun.file(join(this.folder, 'cortex.log')),
    });
    const { pid, api } = await waitFor('cortex', () => readJson(ready));
    const url = String(api);
    await waitFor('the first poll of cortex', async () => {
      const health: unknown = await (await fetch(`${url}/health`)).json();
      return JSON.stringify(health).includes('"healthy":1') || undefined;
    });
    return {
      name: 'cortex',
      url,
      pid: Number(pid),
      rootPid: child.pid,
      command: command.join(' '),
    };
  }

  async stop(): Promise<void> {
    for (const child of this.#children.toReversed()) child.kill('SIGTERM');
    await Promise.all(this.#children.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #spawn(
    command: string[],
    options: { env?: Record<string, string>; stderr?: 'inherit' | Bun.BunFile } = {},
  ): Bun.Subprocess {
    const child = Bun.spawn(command, {
      cwd: ROOT,
      // The contenders must not watch the pipe of our launcher.
      env: { ...process.env, CORTEX_PARENT_FD: undefined, ...options.env },
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: options.stderr ?? 'inherit',
    });
    this.#children.push(child);
    return child;
  }
}

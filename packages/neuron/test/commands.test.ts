/** `neuron cert` and `neuron doctor`. */
import { X509Certificate } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterEach, describe, expect, test } from 'bun:test';
import { z } from 'zod';

import { runNeuron } from '../src/program.ts';
import { CORTEX_TINY, TestNeuron } from './test-neuron.ts';

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

async function run(...args: readonly string[]) {
  const printed: string[] = [];
  const said: string[] = [];
  const code = await runNeuron(args, {
    env: {},
    output: { print: (text) => void printed.push(text), warn: (text) => void said.push(text) },
  });
  return { code, text: printed.join('\n'), errors: said.join('\n') };
}

describe('neuron cert', () => {
  test('creates a certificate for the names of this machine, with a key that only its owner can read', async () => {
    const folder = temporaryFolder('neuron-cert');

    const { code, text } = await run(
      'cert',
      '--out',
      folder,
      '--host',
      'beast.example',
      '10.1.2.3',
    );

    const certificate = new X509Certificate(readFileSync(join(folder, 'tls.crt')));
    const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
    expect(code).toBe(0);
    expect(text).toContain(`tls_fingerprint = "sha256:${fingerprint}"`);
    expect(text).toContain(`tls_cert = "${join(folder, 'tls.crt')}"`);
    expect(text).toContain('endpoint = "https://beast.example:13131"');
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('beast.example')).toBe('beast.example');
    expect(certificate.checkIP('10.1.2.3')).toBe('10.1.2.3');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(statSync(join(folder, 'tls.key')).mode & 0o777).toBe(0o600);
  });

  test('keeps an existing certificate and prints its fingerprint, and replaces it only with --replace', async () => {
    const folder = temporaryFolder('neuron-cert');
    const print = async (...more: readonly string[]): Promise<unknown> =>
      JSON.parse((await run('cert', '--out', folder, '--json', ...more)).text);
    const Printed = z.object({ tls_fingerprint: z.string(), created: z.boolean() });

    const first = Printed.parse(await print());
    const second = Printed.parse(await print());
    const third = Printed.parse(await print('--replace'));

    expect([first.created, second.created, third.created]).toEqual([true, false, true]);
    expect(second.tls_fingerprint).toBe(first.tls_fingerprint);
    expect(third.tls_fingerprint).not.toBe(first.tls_fingerprint);
  });

  test('writes the files that neuron.toml names, relative to it', async () => {
    const folder = temporaryFolder('neuron-cert');
    const file = join(folder, 'neuron.toml');
    writeFileSync(file, '[security]\ntls_cert = "pki/my.crt"\ntls_key = "pki/my.key"\n');

    const { code } = await run('cert', '-c', file);

    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'pki/my.crt'), 'utf8')).toContain('BEGIN CERTIFICATE');
    await using neuron = await TestNeuron.start({
      flags: {
        'security.tls_cert': join(folder, 'pki/my.crt'),
        'security.tls_key': join(folder, 'pki/my.key'),
      },
    });
    expect(neuron.url).toStartWith('https://');
  });

  test('says in one line that a folder cannot be written, and leaves no file behind', async () => {
    const { code, errors } = await run('cert', '--out', '/proc/nowhere');

    expect(code).toBe(1);
    expect(errors).toContain('choose another folder with --out');
    expect(errors.split('\n')).toHaveLength(1);
  });

  test.each(['0', 'many', '99999999'])('refuses a validity of %s days with 2', async (days) => {
    expect((await run('cert', '--days', days)).code).toBe(2);
  });
});

const Report = z.object({
  ok: z.boolean(),
  findings: z.array(
    z.object({
      part: z.string(),
      level: z.enum(['ok', 'note', 'wrong']),
      text: z.string(),
      mend: z.string().optional(),
    }),
  ),
});

/** A configuration with which all is well, and `toml` below its top-level keys. */
function configure(toml = '', listen = '127.0.0.1:0') {
  const folder = temporaryFolder('neuron-doctor');
  const file = join(folder, 'neuron.toml');
  writeFileSync(
    file,
    `listen = "${listen}"\nmodels_dir = "models"\nstate_dir = "state"\nmodels_dirs = ["${join(CORTEX_TINY, '..')}"]\n${toml}\n`,
  );
  return { folder, file };
}

async function examine(file: string, ...more: readonly string[]) {
  const { code, text } = await run('doctor', '-c', file, '--json', ...more);
  const { ok, findings } = Report.parse(JSON.parse(text));
  const of = (part: string) => findings.find((finding) => finding.part === part);
  const parts = findings.filter(({ level }) => level === 'wrong').map(({ part }) => part);
  return { code, ok, of, wrong: parts };
}

describe('neuron doctor', () => {
  test('finds nothing wrong with a new installation on a machine without a GPU', async () => {
    const { code, ok, wrong, of } = await examine(configure().file);

    expect(wrong).toEqual([]);
    expect([code, ok]).toEqual([0, true]);
    expect(of('engine')?.level).toBe('ok');
    expect(of('models')?.text).toContain('GGUF');
    expect(of('token')?.text).toContain('only this machine');
  }, 30_000);

  test('prints for people one line for each part, with the command that mends it', async () => {
    const { folder, file } = configure('[security]\nnode_token_file = "token"');
    const token = join(folder, 'token');
    writeFileSync(token, 'secret\n');
    chmodSync(token, 0o644);

    const { code, text } = await run('doctor', '-c', file);

    expect(code).toBe(1);
    expect(text).toMatch(/^ok +engine +/m);
    expect(text).toMatch(
      /^wrong +token +\S+neuron\.toml:6: security\.node_token_file: .* can be read by every user/m,
    );
    expect(text).toContain(`→ chmod 600 ${token}`);
  }, 30_000);

  test('says what a newer llama-server would bring', async () => {
    const path = join(temporaryFolder('old-server'), 'llama-server');
    const server = (help: string): void =>
      writeFileSync(path, `#!/bin/sh\necho "${help}"\n`, { mode: 0o755 });
    const { file } = configure(`[engine]\nllama_server = "${path}"`);
    server('--spec-type none');
    const old = (await examine(file)).of('llama-server');

    server('--spec-type none,draft-mtp');
    const newer = (await examine(file)).of('llama-server');

    expect(old).toMatchObject({ level: 'note', mend: expect.stringContaining('newer') });
    expect(old?.text).toContain('prediction layers (MTP)');
    expect(newer).toMatchObject({ level: 'ok', text: path });
  }, 30_000);

  test('finds a disk with less free space than min_free_disk_mb', async () => {
    const { file } = configure();
    writeFileSync(file, `min_free_disk_mb = 1e12\n${readFileSync(file, 'utf8')}`);

    const { wrong, of } = await examine(file);

    expect(wrong).toEqual(['models_dir', 'state_dir']);
    expect(of('models_dir')?.mend).toContain('delete models');
  }, 30_000);

  test('says which program to look for when the port is in use, and that a neuron there is fine', async () => {
    const other = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('hi') });
    servers.push(other);
    const taken = await examine(configure('', `127.0.0.1:${other.port}`).file);
    await using neuron = await TestNeuron.start();
    const own = await examine(configure('', new URL(neuron.url).host).file);

    expect(taken.wrong).toEqual(['port']);
    expect(taken.of('port')?.mend).toContain(`ss -ltnp 'sport = :${other.port}'`);
    expect(own.of('port')).toMatchObject({
      level: 'ok',
      text: expect.stringContaining('a neuron'),
    });
  }, 30_000);

  test('compares the clock with that of a gateway', async () => {
    const serveAt = (aheadMs: number): string => {
      const server = Bun.serve({
        hostname: '127.0.0.1',
        port: 0,
        fetch: () =>
          new Response('{}', { headers: { date: new Date(Date.now() + aheadMs).toUTCString() } }),
      });
      servers.push(server);
      return `http://127.0.0.1:${server.port}/v1`;
    };
    const { file } = configure();

    const same = await examine(file, '--gateway', serveAt(0));
    const ahead = await examine(file, '--gateway', serveAt(90_000));
    const away = await examine(file, '--gateway', 'http://127.0.0.1:1');

    expect(same.of('clock')?.level).toBe('ok');
    expect(ahead.of('clock')).toMatchObject({ level: 'wrong', mend: 'timedatectl set-ntp true' });
    expect(ahead.of('clock')?.text).toMatch(/is (?:89|90|91) s behind that of the gateway/);
    expect(away.of('clock')?.text).toContain('does not answer');
  }, 30_000);

  test('finds a folder that cannot be used, a certificate of another key and a broken configuration', async () => {
    const { folder, file } = configure('[security]\ntls_cert = "a"\ntls_key = "b"');
    writeFileSync(join(folder, 'a'), 'x');
    writeFileSync(join(folder, 'b'), 'x', { mode: 0o600 });
    writeFileSync(join(folder, 'models'), '');
    const { code, wrong } = await examine(file);
    const broken = await examine(configure('[enigne]').file);

    expect(code).toBe(1);
    expect(wrong).toEqual(['models_dir', 'tls']);
    expect(broken.wrong).toEqual(['config']);
    expect(broken.of('config')?.text).toContain('did you mean engine?');
  }, 30_000);
});

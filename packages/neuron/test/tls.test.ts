import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createSelfSigned } from '@cortex/testkit';

import { failureOf, scriptedEngine, TestNeuron } from './test-neuron.ts';

const parts = { startEngine: scriptedEngine() };
const TLS = createSelfSigned('localhost');
const OTHER = createSelfSigned('localhost');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'neuron-tls-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The flags for these two files. */
function files(cert: string, key: string): Record<string, string> {
  const names = { cert: join(folder, crypto.randomUUID()), key: join(folder, crypto.randomUUID()) };
  writeFileSync(names.cert, cert);
  writeFileSync(names.key, key, { mode: 0o600 });
  return { 'security.tls_cert': names.cert, 'security.tls_key': names.key };
}

/** Calls a node on the loopback interface by the name of its certificate, and trusts only that certificate. */
const trusting = (cert: string) => ({ tls: { ca: cert, serverName: 'localhost' } });

describe('a node with tls_cert and tls_key', () => {
  test('serves https with that certificate, and its endpoint of a model is https', async () => {
    await using neuron = await TestNeuron.start({ flags: files(TLS.cert, TLS.key), parts });
    const url = neuron.url.replace('127.0.0.1', 'localhost');
    const call = (path: string, init: RequestInit = {}) =>
      fetch(url + path, { ...init, ...trusting(TLS.cert) });

    const load = await call('/models/load?wait=true', {
      method: 'POST',
      body: JSON.stringify({ model_id: 'tiny' }),
    });
    const endpoint: { url: string } = await (await call('/models/tiny/endpoint')).json();

    expect(neuron.url).toStartWith('https://127.0.0.1:');
    expect(load.status).toBe(200);
    expect(endpoint.url).toStartWith('https://');
  });

  test('is not trusted by a client that expects another certificate', async () => {
    await using neuron = await TestNeuron.start({ flags: files(TLS.cert, TLS.key), parts });
    const url = neuron.url.replace('127.0.0.1', 'localhost');

    const failure = await failureOf(fetch(`${url}/health`, trusting(OTHER.cert)));

    expect(failure).toMatchObject({ code: expect.stringMatching(/SELF_SIGNED|UNABLE|CERT/) });
  });

  test('closes a connection that sends plain HTTP, or no handshake within the idle limit', async () => {
    await using neuron = await TestNeuron.start({
      flags: files(TLS.cert, TLS.key),
      parts: { ...parts, idleLimitS: 1 },
    });
    const { port } = new URL(neuron.url);
    const untilClosed = (text: string): Promise<string> =>
      new Promise((resolve) => {
        let received = '';
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(text));
        socket.on('data', (data) => (received += data.toString('latin1')));
        socket.on('error', () => undefined);
        socket.on('close', () => resolve(received));
      });

    const [plain, silent] = await Promise.all([
      untilClosed('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'),
      untilClosed('\x16\x03\x01'),
    ]);

    expect(plain).not.toContain('HTTP/1.1 200');
    expect(silent).toBe('');
    const health = await fetch(`https://localhost:${port}/health`, trusting(TLS.cert));
    expect(health.status).toBe(200);
  }, 20_000);

  test('writes its fingerprint into the ready file, as tls_fingerprint of cortex.toml wants it', async () => {
    const readyFile = join(folder, 'ready.json');
    await using neuron = await TestNeuron.start({
      flags: files(TLS.cert, TLS.key),
      parts,
      readyFile,
    });

    expect(existsSync(readyFile)).toBe(true);
    expect(JSON.parse(readFileSync(readyFile, 'utf8'))).toEqual({
      pid: process.pid,
      node: neuron.url,
      tls_fingerprint: `sha256:${TLS.fingerprint}`,
    });
  });
});

describe('a node does not start', () => {
  test.each([
    [
      'with the key of another certificate',
      TLS.cert,
      OTHER.key,
      'is not the key of the certificate',
    ],
    ['with text instead of a certificate', 'x', TLS.key, 'is not a certificate in PEM form'],
    ['with text instead of a key', TLS.cert, 'x', 'is not a private key in PEM form'],
    [
      'with a key that is protected by a passphrase',
      TLS.cert,
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n',
      'is protected by a passphrase',
    ],
  ])('%s', async (_, cert, key, words) => {
    const { message } = await failureOf(TestNeuron.start({ flags: files(cert, key), parts }));

    expect(message).toMatch(/^--tls-(?:cert|key): security\.tls_(?:cert|key): \//);
    expect(message).toContain(words);
  });

  test('with a key that every user can write', async () => {
    const flags = files(TLS.cert, TLS.key);
    chmodSync(flags['security.tls_key'] ?? '', 0o666);

    const { message } = await failureOf(TestNeuron.start({ flags, parts }));

    expect(message).toContain('can be written by every user of this machine: run "chmod 600 ');
  });

  test('with a certificate and no key', async () => {
    const { 'security.tls_cert': cert } = files(TLS.cert, TLS.key);

    const { message } = await failureOf(
      TestNeuron.start({ flags: { 'security.tls_cert': cert }, parts }),
    );

    expect(message).toContain('security.tls_cert: needs tls_key as well');
  });
});

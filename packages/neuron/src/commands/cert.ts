import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { Command, InvalidArgumentError } from '@commander-js/extra-typings';
import {
  ConfigError,
  parseListen,
  systemReason,
  type TlsIdentity,
  writeWholeFiles,
} from '@cortex/service';

import { loadNeuronConfig, type NeuronConfig, readTlsFiles } from '../config.ts';
import { configFile, SERVICE_CONFIG } from './config-file.ts';
import { CERTIFICATE_DAYS, ownHosts, selfSignedFiles } from '../tls/own-certificate.ts';
import { createSelfSigned, type SelfSigned } from '../tls/self-signed.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What certificates can express (RFC 5280): years have four digits. */
const MAX_DAYS = 36_500;

interface Files {
  readonly cert: string;
  readonly key: string;
}

/** The files that the configuration names, else `tls.crt` and `tls.key` in `folder`. */
function filesOf({ security }: NeuronConfig, folder: string): Files {
  return {
    cert: security.tls_cert ?? join(folder, 'tls.crt'),
    key: security.tls_key ?? join(folder, 'tls.key'),
  };
}

/** What root writes into the state folder of the service, the service can read. */
function defaultFolder(file: string | undefined, stateDir: string): string {
  if (file === SERVICE_CONFIG) return stateDir;
  return file === undefined ? '.' : dirname(file);
}

/** Writes both files completely, or neither. @throws ConfigError naming the folder */
function writeFiles(files: Files, made: SelfSigned): void {
  try {
    writeWholeFiles(selfSignedFiles(files, made));
  } catch (error) {
    throw new ConfigError(
      `${dirname(files.key)} cannot be written: ${systemReason(error)}: choose another folder with --out`,
      {},
      error,
    );
  }
}

function readDays(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > MAX_DAYS)
    throw new InvalidArgumentError(`write a whole number of days from 1 to ${MAX_DAYS}.`);
  return days;
}

interface Made extends Files {
  readonly isNew: boolean;
  readonly identity: TlsIdentity;
  readonly endpoint: string;
}

/** The result, and the lines that belong into the configuration of both sides. */
function format({ cert, key, isNew, identity, endpoint }: Made): string {
  return [
    `${isNew ? 'Created' : 'Kept'} ${cert} and ${key}, valid until ${identity.validTo.toISOString().slice(0, 10)}.`,
    ...(isNew
      ? []
      : ['"neuron cert --replace" creates new ones; gateways then need the new fingerprint.']),
    '',
    'neuron.toml, under [security]:',
    `tls_cert = ${JSON.stringify(cert)}`,
    `tls_key = ${JSON.stringify(key)}`,
    '',
    'cortex.toml, under the [[neurons]] of this node:',
    `endpoint = ${JSON.stringify(endpoint)}`,
    `tls_fingerprint = ${JSON.stringify(identity.fingerprint)}`,
  ].join('\n');
}

/** `neuron cert`: creates a self-signed certificate, and prints what cortex needs to trust it. Writes with `print`. */
export function certCommand(env: Env, print: (text: string) => void) {
  return new Command('cert')
    .description(
      'Create a self-signed certificate for this node, and print the fingerprint by which a gateway trusts it. An existing certificate is kept.',
    )
    .option(
      '-c, --config <file>',
      'path of neuron.toml; its tls_cert and tls_key are the files; default: that of the installed service',
    )
    .option(
      '--out <folder>',
      'folder of tls.crt and tls.key; default: that of neuron.toml, for the installed service its state folder',
    )
    .option('--host <names...>', 'further names and addresses of this node')
    .option('--days <n>', 'validity in days', readDays, CERTIFICATE_DAYS)
    .option('--replace', 'replace an existing certificate', false)
    .option('--json', 'print JSON, for scripts', false)
    .action(async ({ config: named, out, host: more = [], days, replace, json }) => {
      const file = configFile(named);
      const { value, origins } = loadNeuronConfig({ file, env });
      const files = filesOf(value, resolve(out ?? defaultFolder(file, value.state_dir)));
      const isNew = replace || !(existsSync(files.cert) || existsSync(files.key));
      const hosts = ownHosts();
      if (isNew) {
        const made = await createSelfSigned({
          hosts: [...hosts, ...more],
          days,
          nowMs: Date.now(),
        });
        writeFiles(files, made);
      }
      const identity = readTlsFiles({ ...files, origins }, Date.now());
      const { port } = parseListen(value.listen);
      const endpoint = `https://${more[0] ?? hosts[0]}:${port}`;
      if (!json) return print(format({ ...files, isNew, identity, endpoint }));
      const { fingerprint, validTo } = identity;
      return print(
        JSON.stringify(
          {
            tls_cert: files.cert,
            tls_key: files.key,
            created: isNew,
            tls_fingerprint: fingerprint,
            valid_to: validTo.toISOString(),
          },
          null,
          2,
        ),
      );
    });
}

import { isIP, isIPv4, isIPv6 } from 'node:net';

import { z } from 'zod';

import { ConfigError } from '../config/config-error.ts';

const MAX_PORT = 65_535;
const FORM = 'write host:port, such as 127.0.0.1:31313 or [::1]:31313';

export interface ListenAddress {
  readonly hostname: string;
  /** 0: any free port. */
  readonly port: number;
}

type Reading =
  | { readonly kind: 'address'; readonly address: ListenAddress }
  /** `advice` says what is wrong and what to write. */
  | { readonly kind: 'invalid'; readonly advice: string };

const LABEL = '[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?';
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
/** The last label of a name is never a number, so that names and IPv4 addresses do not overlap (WHATWG URL). */
const isName = (text: string): boolean =>
  text.length <= 253 && NAME.test(text) && !/(?:^|\.)\d+$/.test(text);

/** Whether `host` is written as in an address: an IPv6 address in brackets. */
function isHost(host: string): boolean {
  const [, inner] = /^\[(.*)\]$/.exec(host) ?? [];
  return inner === undefined ? isIPv4(host) || isName(host) : isIPv6(inner);
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= MAX_PORT;

const withoutBrackets = (host: string): string => host.replace(/^\[(.*)\]$/, '$1');

const splitPort = (text: string): { readonly host: string; readonly port: string | undefined } => {
  const [, host = text, port] = /^(.*):([^:[\]]*)$/.exec(text) ?? [];
  return { host, port };
};

/** What is wrong with `text`, which is not an address, and what to write instead. */
function adviceFor(text: string): string {
  if (text === '') return FORM;
  if (text.trim() !== text) return 'remove the spaces around it';
  if (/^[a-z]+:\/\//i.test(text)) return `${FORM}, without "${text.replace(/\/\/.*/s, '//')}"`;
  const [, anyHost] = /^(?:\*|0)?:?(\d{1,5})$/.exec(text) ?? [];
  if (anyHost !== undefined && isPort(anyHost)) {
    const port = Number(anyHost);
    return `write "127.0.0.1:${port}" for this machine only, "0.0.0.0:${port}" for every address`;
  }
  const { host, port } = splitPort(text);
  if (port !== undefined && isIPv6(host) && isPort(port)) return `write "[${host}]:${port}"`;
  if (isIPv6(text)) return `the port is missing: write "[${text}]:31313"`;
  if (/[[\]]/.test(host) && isIP(withoutBrackets(host)) !== 6)
    return `an IPv6 address is written in brackets; ${FORM}`;
  if (port === undefined) return `the port is missing; ${FORM}`;
  if (!isPort(port)) return `the port must be a number from 0 to ${MAX_PORT}; ${FORM}`;
  return `${JSON.stringify(host)} is neither a host name nor an IP address; ${FORM}`;
}

function readAddress(text: string): Reading {
  const { host, port } = splitPort(text);
  if (port === undefined || !isPort(port) || !isHost(host))
    return { kind: 'invalid', advice: adviceFor(text) };
  return { kind: 'address', address: { hostname: withoutBrackets(host), port: Number(port) } };
}

const problemOf = (text: string, advice: string): string =>
  `${JSON.stringify(text)} is not an address: ${advice}`;

/** The type of a key such as `gateway.listen`: `127.0.0.1:31313`, `[::1]:0` or `localhost:80`. */
export const listenAddress = () =>
  z.string().superRefine((text, context) => {
    const reading = readAddress(text);
    if (reading.kind === 'invalid')
      context.addIssue({ code: 'custom', message: problemOf(text, reading.advice) });
  });

/** The parts of a text that `listenAddress` accepts. @throws ConfigError saying what to write instead of any other */
export function parseListen(text: string): ListenAddress {
  const reading = readAddress(text);
  if (reading.kind === 'invalid') throw new ConfigError(problemOf(text, reading.advice));
  return reading.address;
}

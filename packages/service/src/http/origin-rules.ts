import { isIP } from 'node:net';

import { z } from 'zod';

import { hostNameOf } from './request-target.ts';

const ANY = '*';
const SCHEME = '[a-z][a-z0-9+.-]*';
const WHOLE_SCHEME = new RegExp(`^(${SCHEME})://\\*$`);
/** Origins of schemes other than http and https: `chrome-extension://id`, `tauri://localhost`. */
const OTHER_ORIGIN = new RegExp(`^${SCHEME}://[A-Za-z0-9._-]+(?::\\d+)?$`);
const isWeb = (scheme: string): boolean => scheme === 'http' || scheme === 'https';

/** The origin of a web address; undefined if `text` is not one. */
function webOriginOf(text: string): string | undefined {
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `https://${text}`);
  if (url === null || url.hostname === '' || url.hostname.includes('*')) return undefined;
  return url.origin;
}

/** Why `text` is not a valid entry of `cors_origins`, and what to write instead; undefined if it is valid. */
export function corsOriginProblem(text: string): string | undefined {
  if (text === ANY) return undefined;
  if (text.trim() === '')
    return 'an entry is empty: write an origin such as "https://chat.example", or remove the entry';
  if (text === 'null')
    return '"null" is the origin of local files and sandboxed frames: write "*" to allow every page';
  const scheme = WHOLE_SCHEME.exec(text)?.[1];
  if (scheme !== undefined) {
    return isWeb(scheme)
      ? `"${text}" would allow every page of the web: write "*" to allow all, or each origin, such as "https://chat.example"`
      : undefined;
  }
  const named = new RegExp(`^(${SCHEME})://`, 'i').exec(text)?.[1]?.toLowerCase();
  if (named !== undefined && !isWeb(named)) {
    if (OTHER_ORIGIN.test(text)) return undefined;
    return `"${text}" is not an origin: write "${named}://*", or scheme and host, such as "${named}://abcdef"`;
  }
  const origin = webOriginOf(text);
  if (origin === undefined)
    return `"${text}" is not an origin: write scheme, host and port, such as "https://chat.example" or "http://localhost:3000"`;
  if (origin === text) return undefined;
  if (named === undefined) {
    const plain = origin.replace('https:', 'http:');
    return `"${text}" has no scheme: write "${origin}" or "${plain}"`;
  }
  return `"${text}" is not what a browser sends as Origin: write "${origin}"`;
}

const NAME = /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/;

/** Why `text` is not a valid entry of `allowed_hosts`, and what to write instead; undefined if it is valid. */
export function allowedHostProblem(text: string): string | undefined {
  if (NAME.test(text)) return undefined;
  const name = webOriginOf(text.trim().toLowerCase())?.replace(/^https?:\/\//, '');
  const meant = name === undefined ? 'cortex.example' : hostNameOf(name);
  return `${text.trim() === '' ? 'an entry is empty' : `"${text}" is not a plain host name`}: write "${meant}", without scheme and port`;
}

const checked = (problemOf: (text: string) => string | undefined) =>
  z.array(
    z.string().superRefine((text, context) => {
      const message = problemOf(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    }),
  );

/** The type of a key `cors_origins`. */
export const corsOrigins = () => checked(corsOriginProblem).default([]);
/** The type of a key `allowed_hosts`. */
export const allowedHosts = () => checked(allowedHostProblem).default([]);

/** A warning if an entry allows every page. */
export const corsWarnings = (origins: readonly string[], key: string): readonly string[] =>
  origins.includes(ANY) ? [`${key} has "*": any web page may call this server`] : [];

/** Returns a function that tells whether an origin matches `cors_origins`. */
export function originMatcher(origins: readonly string[]): (origin: string) => boolean {
  if (origins.includes(ANY)) return () => true;
  const exact = new Set(origins.filter((entry) => !entry.endsWith('://*')));
  const schemes = new Set(origins.flatMap((entry) => WHOLE_SCHEME.exec(entry)?.[1] ?? []));
  return (origin) => exact.has(origin) || schemes.has(origin.slice(0, origin.indexOf('://')));
}

/** Names that only a resolver in the local network or on this machine resolves. */
const PRIVATE_NAME = /\.(?:local|lan|internal|home\.arpa|localhost)$/;

/**
 * Whether `Host` is an address, a private name or an allowed name, and so not a public name that an attacker
 * pointed at this server (behaviour 51).
 */
export function isOwnName(host: string, allowed: ReadonlySet<string>): boolean {
  const name = hostNameOf(host);
  if (name === '') return false;
  const isAddress = isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0;
  return isAddress || !name.includes('.') || PRIVATE_NAME.test(name) || allowed.has(name);
}

const withoutDefaultPort = (origin: string): string =>
  origin.replace(/^(http:.*):80$|^(https:.*):443$/, '$1$2');

/** Whether a page of `origin` was served from the `Host` that it calls. */
export function isSameHost(origin: string, host: string): boolean {
  const called = host.toLowerCase();
  return ['http', 'https'].some(
    (scheme) => origin.toLowerCase() === withoutDefaultPort(`${scheme}://${called}`),
  );
}

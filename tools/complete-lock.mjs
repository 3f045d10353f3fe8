/**
 * Adds to package-lock.json the packages of other platforms that it lacks.
 *
 * If a registry mirror lacks the binary of a platform, `npm install` omits its entry, and `npm ci` then refuses the
 * lock file on every platform. The added entries have name, version and platform; npm skips them on other platforms.
 * Run it after `npm install` has changed the lock file: `node tools/complete-lock.mjs`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const PATH = new URL('../package-lock.json', import.meta.url);
const SYSTEMS = { android: 'android', darwin: 'darwin', mac: 'darwin', freebsd: 'freebsd' };
Object.assign(SYSTEMS, {
  linux: 'linux',
  win: 'win32',
  win32: 'win32',
  openharmony: 'openharmony',
});
const PROCESSORS = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x'];

/** `@oxlint/binding-linux-x64-musl` → os, cpu and libc as npm reads them. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-');
  const os = words.map((word) => SYSTEMS[word]).find(Boolean);
  const cpu = words.find((word) => PROCESSORS.includes(word));
  if (os === undefined || cpu === undefined)
    throw new Error(`${name}: no platform found in this package name`);
  const libc = os === 'linux' ? (/musl/.test(name) ? 'musl' : 'glibc') : undefined;
  return { os: [os], cpu: [cpu], ...(libc && { libc: [libc] }) };
}

const lock = JSON.parse(readFileSync(PATH, 'utf8'));
const { packages } = lock;
const added = [];
for (const [path, { optionalDependencies = {}, dev }] of Object.entries(packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const target = `node_modules/${name}`;
    if (packages[target] !== undefined || packages[`${path}/${target}`] !== undefined) continue;
    packages[target] = { version, optional: true, ...(dev && { dev }), ...platformOf(name) };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(PATH, `${JSON.stringify(lock, undefined, 2)}\n`);
console.log(added.length === 0 ? 'Nothing is missing.' : `Added: ${added.join(', ')}`);

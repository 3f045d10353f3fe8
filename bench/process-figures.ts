/** What Linux tells of a process from outside. */
import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks a second of /proc/<pid>/stat; 100 on every Linux that Bun runs on. */
const TICKS_PER_S = 100;

/** User and system time of all threads of a process so far, ms (`/proc/<pid>/stat`). */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold anything; the fields after it are plain.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_S;
}

/** A process and all below it. */
function* processTree(pid: number): Generator<number> {
  yield pid;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (const child of children.split(' ').filter(Boolean)) yield* processTree(Number(child));
}

/** Resident memory of a process and all below it, MiB: what a user sees of a program, its launcher included. */
export const treeRssMib = (pid: number): number =>
  [...processTree(pid)].reduce((sum, each) => sum + processRssMib(each), 0);

/** The ids of a process and of all below it. */
export const treePids = (pid: number): number[] => [...processTree(pid)];

/** Resident memory of a process, MiB. */
export function processRssMib(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** CPU of a process and of all its descendants so far, ms. */
export function treeCpuMs(pid: number): number {
  // Each thread lists the children that it started.
  const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return children.reduce((total, child) => total + treeCpuMs(Number(child)), cpuMs(pid));
}

/** Parses the output of `rocm-smi --json`. Pure. */
import { z } from 'zod';

import type { AmdCard } from './amd-card.ts';
import { readJson } from './amd-smi.ts';

/** Arguments of the query. */
export const ROCM_SMI_ARGUMENTS = [
  '--showmeminfo',
  'vram',
  '--showuse',
  '--showtemp',
  '--showpower',
  '--json',
] as const;

const Cards = z.record(z.string(), z.unknown());

const MIB = 1 << 20;

/** A number as text, or `N/A`. The names of the fields differ between versions, so they are found by pattern. */
function readField(fields: Readonly<Record<string, unknown>>, pattern: RegExp): number | undefined {
  const values = Object.entries(fields).filter(([name]) => pattern.test(name));
  return values.map(([, value]) => Number.parseFloat(String(value))).find(Number.isFinite);
}

const toMib = (bytes: number | undefined): number | undefined =>
  bytes === undefined ? undefined : Math.floor(bytes / MIB);

function toCard(name: string, value: unknown): AmdCard[] {
  const index = /^card(\d+)$/.exec(name)?.[1];
  const fields = Cards.safeParse(value);
  if (index === undefined || !fields.success) return [];
  const read = (pattern: RegExp): number | undefined => readField(fields.data, pattern);
  return [
    {
      index: Number(index),
      totalMib: toMib(read(/^VRAM Total Memory/i)),
      usedMib: toMib(read(/^VRAM Total Used Memory/i)),
      utilizationPct: read(/^GPU use/i),
      tempC: read(/Sensor junction/i) ?? read(/Sensor edge/i),
      powerW: read(/(Average|Current Socket) Graphics Package Power/i),
    },
  ];
}

/** The cards in the answer; none if it is not one. A missing or odd field does not drop its card. */
export function parseRocmSmi(stdout: string): AmdCard[] {
  const cards = Cards.safeParse(readJson(stdout));
  if (!cards.success) return [];
  return Object.entries(cards.data).flatMap(([name, value]) => toCard(name, value));
}

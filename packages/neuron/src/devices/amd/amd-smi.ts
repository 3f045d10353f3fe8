/** Parses the output of `amd-smi metric --json` (ROCm 6 and 7). Pure. */
import { z } from 'zod';

import type { AmdCard } from './amd-card.ts';

/** Arguments of the query. */
export const AMD_SMI_ARGUMENTS = ['metric', '--json'] as const;

/** `{"value": 40, "unit": "%"}`, a bare number, or `N/A`. */
const Quantity = z
  .union([z.looseObject({ value: z.unknown() }).transform(({ value }) => value), z.unknown()])
  .transform((value) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined));

const Group = z
  .union([z.record(z.string(), z.unknown()), z.unknown().transform(() => ({}))])
  .default({});

const Card = z.looseObject({
  gpu: z.int(),
  usage: Group,
  mem_usage: Group,
  power: Group,
  temperature: Group,
  energy: Group,
});

/** A list of cards; since ROCm 6.4 within `gpu_data`. */
const Answer = z.union([
  z.array(z.unknown()),
  z.looseObject({ gpu_data: z.array(z.unknown()) }).transform(({ gpu_data: cards }) => cards),
]);

type Values = Readonly<Record<string, unknown>>;

const first = (values: Values, names: readonly string[]): number | undefined =>
  names.map((name) => Quantity.parse(values[name])).find((value) => value !== undefined);

function toCard(entry: unknown): AmdCard[] {
  const card = Card.safeParse(entry);
  if (!card.success) return [];
  const { gpu, usage, mem_usage: memory, power, temperature, energy } = card.data;
  return [
    {
      index: gpu,
      totalMib: first(memory, ['total_vram']),
      usedMib: first(memory, ['used_vram']),
      utilizationPct: first(usage, ['gfx_activity']),
      tempC: first(temperature, ['hotspot', 'edge']),
      powerW: first(power, ['socket_power', 'current_socket_power', 'average_socket_power']),
      energyJ: first(energy, ['total_energy_consumption']),
    },
  ];
}

/** The cards in the answer; none if it is not one. A missing or odd field does not drop its card. */
export function parseAmdSmi(stdout: string): AmdCard[] {
  const answer = Answer.safeParse(readJson(stdout));
  return answer.success ? answer.data.flatMap(toCard) : [];
}

/** The tools print warnings before the JSON, so it begins at the first bracket of a line. */
export function readJson(stdout: string): unknown {
  const start = /^[[{]/m.exec(stdout)?.index;
  if (start === undefined) return undefined;
  try {
    return JSON.parse(stdout.slice(start));
  } catch {
    // Not JSON, as with an old version that ignores --json.
    return undefined;
  }
}

/** One AMD card as a tool or sysfs reports it. Unknown values are absent. */
export interface AmdCard {
  /** Position in the order of the PCI bus, which is the order of the tools. */
  readonly index: number;
  readonly totalMib?: number | undefined;
  readonly usedMib?: number | undefined;
  readonly utilizationPct?: number | undefined;
  readonly tempC?: number | undefined;
  readonly powerW?: number | undefined;
  /** Joules, counted by the card. */
  readonly energyJ?: number | undefined;
}

import type { FoundDevice } from './device-source.ts';

/** `devices.exclude`: indexes or UUIDs of GPUs that are not used. */
export type Exclusions = readonly (number | string)[];

export const isExcluded = ({ index, uuid }: FoundDevice, exclude: Exclusions): boolean =>
  exclude.includes(index) || (uuid !== undefined && exclude.includes(uuid));

export { engineConformance } from './engine-conformance.ts';
export type { ConformanceOptions, MakeEngine } from './subject.ts';
export { overTransports } from './transports.ts';
export { CAPABILITIES } from './sections/capabilities.ts';

export * from './fake-clock.ts';
export { FakeExchange, REFUSALS, SCRIPTED_USAGE, type ScriptedError } from './fake-exchange.ts';
export { FakeLoad } from './fake-load.ts';
export { type FakeModel, FakeNeuron } from './fake-neuron.ts';
export { llamaSources } from './llama-sources.ts';
export * from './scripted-engine.ts';
export { createSelfSigned, type SelfSigned } from './self-signed.ts';
export { type Afterwards, untilClosed } from './second-request.ts';

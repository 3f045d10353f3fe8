export { loadNeuronConfig, NeuronConfig } from './config.ts';
export * from './harness/harness.ts';
export { type NeuronOptions, type NeuronParts, type RunningNeuron, startNeuron } from './neuron.ts';

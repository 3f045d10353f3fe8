export * from './admin.ts';
export * from './errors.ts';
export * from './neuron.ts';
export * from './render-error.ts';

/** `@cortex/engine/gguf`: the header of a model file, without the library that runs it. */
export { type ByteSource, bytesSource } from './byte-source.ts';
export * from './read-gguf.ts';
export { readGgufFileInThread, readGgufInThread } from './read-in-thread.ts';

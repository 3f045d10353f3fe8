/** Main of an engine process: runs the llama engine on the descriptor from its owner. */
import { processChannel } from '../transport/process-channel.ts';
import { serveEngine } from '../transport/serve-engine.ts';
import { createLlamaEngine } from './llama-engine.ts';

if (import.meta.main) await serveEngine(createLlamaEngine(), processChannel());

export { createLlamaEngine };
